// node check.mjs WASM.JS...: each one's answers, held against those of the C program (build/answers).
import { createHash } from "node:crypto";
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
// the digits are MNIST's: what its files hold in these places
const digits = createHash("sha256").update(await load().digits()).digest("hex");
if (digits === "55ce0afc27ce924a279c74b3330bba1e44188ac83abd4a5b3706d1fc906911ed") {
  passed++;
} else {
  failed++;
  console.log("  FAIL digits.js: not the first 2,000 training images of MNIST and their labels");
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
