// node pack.mjs IMAGES LABELS >digits.js   the first 2,000 pictures of an IDX file and their labels, deflated, as text
// node pack.mjs --unpack FILE              the other way: 2,000 x 784 bytes, then a byte for each label, into FILE
import { readFileSync, writeFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";
import { load } from "./load.mjs";
const COUNT = 2000, PIXELS = 784;
const [images, labels] = process.argv.slice(2);
if (images === "--unpack") {
  writeFileSync(labels, await load().digits());
} else {
  const pixels = readFileSync(images).subarray(16, 16 + COUNT * PIXELS);
  const all = Buffer.concat([pixels, readFileSync(labels).subarray(8, 8 + COUNT)]);
  if (all.length !== COUNT * (PIXELS + 1)) throw new Error("not MNIST's files: too short");
  const text = deflateRawSync(all, { level: 9 }).toString("base64").replace(/.{1,116}/g, "$&\n");
  process.stdout.write("/* The first 2,000 training images of MNIST, every byte, and their labels: raw deflate in " +
    "base64.\n" +
    "   Made by: make -C docs/play digits MNIST=DIRECTORY */\nconst HFY_DIGITS = `\n" + text + "`;\n");
}
