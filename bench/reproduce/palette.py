"""Makes PNG files small: each keeps the 256 colours that it has most of.  palette.py PICTURE ..."""
import sys

import numpy as np
from PIL import Image

for path in sys.argv[1:]:
    image = np.asarray(Image.open(path).convert('RGB')).astype(int)
    colours, index, count = np.unique(image.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    most = np.argsort(-count)[:256]
    nearest = np.array([np.argmin(((colours[most] - c) ** 2).sum(axis=1)) for c in colours])
    out = Image.fromarray(nearest[index].reshape(image.shape[:2]).astype(np.uint8), 'P')
    out.putpalette(colours[most].ravel().tolist())
    out.save(path, optimize=True)
