"""hfy_torch.py: gradients against differences, and a module that learns."""
import unittest

import numpy as np

import hfy

try:
    import torch
    from torch.autograd import gradcheck

    import hfy_torch
except ImportError:
    torch = None


@unittest.skipIf(torch is None, "no PyTorch here (Debian: python3-torch)")
class Torch(unittest.TestCase):
    def setUp(self):
        self.random = torch.Generator().manual_seed(1)

    def normal(self, *shape):
        return torch.randn(*shape, dtype=torch.float64, generator=self.random).requires_grad_()

    def test_gradcheck(self):
        q, k, v, r, b = (self.normal(*shape) for shape in ((3, 5), (7, 5), (7, 5), (7, 2), (7,)))
        beta = torch.tensor(.7, dtype=torch.float64, requires_grad=True)
        for separation in ("softmax", "sparsemax", "entmax", "normmax", hfy.Separation("ksubsets", k=2)):
            for similarity in ("dot", "euclidean", "cosine"):
                how = dict(separation=separation, similarity=similarity, steps=2)
                self.assertTrue(gradcheck(lambda q, k, v, r, b, beta: hfy_torch.retrieve(q, k, v, r, bias=b, beta=beta, **how),
                                          (q, k, v, r, b, beta)))
                self.assertTrue(gradcheck(lambda q, k, beta: hfy_torch.retrieve(q, k, beta=beta, **how), (q, k, beta)))
        number = torch.tensor(1.4, dtype=torch.float64, requires_grad=True)
        post = hfy.Post("layernorm", eps=.1)
        self.assertTrue(gradcheck(lambda q, k, a: hfy_torch.retrieve(q, k, alpha=a, beta=1., separation="entmax", post=post),
                                  (q, k, number)))
        self.assertTrue(gradcheck(lambda q, k, g: hfy_torch.retrieve(q, k, gamma=g + 1, beta=1., separation="normmax"),
                                  (q, k, number)))
        self.assertTrue(gradcheck(lambda q, k: hfy_torch.retrieve(q, k), (self.normal(2, 3, 5), self.normal(2, 4, 5))))
        self.assertTrue(gradcheck(lambda k: hfy_torch.retrieve(q.detach(), k, beta=.2, steps=500, tol=1e-14, implicit=True),
                                  (k,), atol=1e-4))
        how = dict(beta=.2, steps=500, tol=1e-14)
        starts = [torch.autograd.grad(hfy_torch.retrieve(q, k, implicit=i, **how).sum(), q)[0] for i in (False, True)]
        self.assertTrue((starts[0] != 0).any() and (starts[1] == 0).all())  # a fixed point does not know its start

    def test_as_attention(self):
        q, k, v = (torch.randn(n, 8, generator=self.random) for n in (3, 9, 9))
        want = torch.softmax(q @ k.T / 8 ** .5, -1) @ v
        torch.testing.assert_close(hfy_torch.retrieve(q, k, readout=v), want, rtol=1e-5, atol=1e-6)

    def test_module_learns(self):
        torch.manual_seed(0)
        x = torch.randn(40, 6)
        y = (x[:, :1] > 0).float()
        memory = hfy_torch.Retrieval(torch.randn(8, 6), readout=torch.zeros(8, 1), separation="entmax", learn_beta=True)
        self.assertEqual(set(memory.state_dict()), {"keys", "readout", "log_beta"})
        optimiser, losses = torch.optim.Adam(memory.parameters(), lr=.1), []
        for _ in range(60):
            optimiser.zero_grad()
            loss = ((memory(x) - y) ** 2).mean()
            loss.backward()
            optimiser.step()
            losses.append(float(loss))
        self.assertLess(losses[-1], .2 * losses[0])
        self.assertIn("(8, 6)", repr(memory))
        again = hfy_torch.Retrieval(torch.zeros(8, 6), readout=torch.zeros(8, 1), separation="entmax", learn_beta=True)
        again.load_state_dict(memory.state_dict())
        self.assertTrue(torch.equal(again(x), memory(x)))

    def test_misuse(self):
        q, k = self.normal(3, 5), self.normal(7, 5)
        out = hfy_torch.retrieve(q, k)
        with torch.no_grad():
            k.mul_(2)
        with self.assertRaisesRegex(RuntimeError, "modified by an inplace operation"):
            out.sum().backward()
        with self.assertRaisesRegex(TypeError, "queries are float32, keys float64"):
            hfy_torch.retrieve(q.float(), k)
        with self.assertRaisesRegex(TypeError, "keys is torch.int64 on cpu"):
            hfy_torch.retrieve(q, k.long())
        with self.assertRaisesRegex(hfy.ArgumentError, "net->beta is -1"):
            hfy_torch.retrieve(q, k, beta=-1.)
        self.assertTrue(np.shares_memory(k.detach().numpy(), hfy_torch._array("keys", k)))


if __name__ == "__main__":
    unittest.main()
