// node check.mjs WASM.JS...: each one's answers, held against those of the C program (build/answers).
import { existsSync } from "node:fs";
import { load, read } from "./load.mjs";
const want = read("build/answers").split("\n");
let passed = 0, failed = 0;
for (const wasm of process.argv.slice(2)) {
  const Memory = load(wasm), memory = await Memory.open();
  const got = Memory.report(memory).split("\n");
  for (let i = 0; i < Math.max(want.length, got.length); i++) {
    if (got[i] === want[i]) {
      passed++;
    } else {
      failed++;
      console.log(`  FAIL ${wasm}: ${got[i]}\n       the C program: ${want[i]}`);
    }
  }
}
// what the page links to is there
for (const [, link] of read("index.html").matchAll(/(?:href|src)="([^"#:]+)"/g)) {
  if (existsSync(new URL(link, import.meta.url))) {
    passed++;
  } else {
    failed++;
    console.log(`  FAIL index.html: no ${link}`);
  }
}
console.log(`page: ${passed} passed, ${failed} failed`);
process.exit(failed || passed < 100 ? 1 : 0);
