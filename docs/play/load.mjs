// The page's own scripts in node: load([wasm.js]) gives its Memory.
import { readFileSync } from "node:fs";
const here = new URL(".", import.meta.url);
export const read = (name) => {
  try { return readFileSync(new URL(name, here), "utf8"); } catch { return ""; }
};
export const load = (wasm = "wasm.js") =>
  new Function(read(wasm) + read("digits.js") + read("memory.js") + "\nreturn Memory;")();
