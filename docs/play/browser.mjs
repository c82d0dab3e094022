// node browser.mjs check | movie: drives a chromium without a window over a pipe (its debugging protocol), so that neither
// a driver nor a package is needed. check: see make browser. movie: frames for make movie.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { read } from "./load.mjs";

const here = new URL(".", import.meta.url);
mkdirSync(new URL("build/", here), { recursive: true });

export async function open() {
  const profile = mkdtempSync(join(tmpdir(), "hfy-page-"));
  const child = spawn(process.env.CHROMIUM || "chromium", ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
    "--no-first-run", "--hide-scrollbars", "--disable-background-networking", "--user-data-dir=" + profile, "about:blank"],
  { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  let next = 1, rest = "";
  const waiting = new Map(), problems = [], requests = [];
  child.on("error", (error) => { console.log("no chromium: " + error.message); process.exit(1); });
  child.stdio[4].setEncoding("utf8").on("data", (text) => {
    const parts = (rest + text).split("\0");
    rest = parts.pop();
    for (const part of parts) {
      const message = JSON.parse(part);
      if (message.id) { waiting.get(message.id)(message); waiting.delete(message.id); continue; }
      const { method, params } = message;
      if (method === "Runtime.exceptionThrown") problems.push(params.exceptionDetails.exception?.description || params.exceptionDetails.text);
      if (method === "Runtime.consoleAPICalled" && ["error", "warning", "assert"].includes(params.type)) problems.push(params.args.map((a) => a.value).join(" "));
      if (method === "Log.entryAdded" && ["error", "warning"].includes(params.entry.level)) problems.push(params.entry.text);
      if (method === "Network.requestWillBeSent") requests.push(params.request.url);
    }
  });
  let session;
  const send = (method, params = {}) => new Promise((resolve, reject) => {
    const id = next++;
    waiting.set(id, (m) => (m.error ? reject(new Error(method + ": " + m.error.message)) : resolve(m.result)));
    child.stdio[3].write(JSON.stringify({ id, method, params, ...(session ? { sessionId: session } : {}) }) + "\0");
  });
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  session = (await send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(domain + ".enable");
  const page = {
    send, problems, requests,
    async run(expression) {
      const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description || exceptionDetails.text);
      return result.value;
    },
    async size(width, height, scale = 1, mobile = false) {
      await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: scale, mobile });
    },
    async theme(value) {
      await send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
    },
    async load() {
      await send("Page.navigate", { url: new URL("index.html", here).href });
      for (let i = 0; ; i++) {
        if (await page.run("document.readyState === 'complete' && typeof ready !== 'undefined'")) break;
        if (i > 200) throw new Error("the page does not load");
        await new Promise((r) => setTimeout(r, 50));
      }
      await page.run("ready");
    },
    rest: (ms = 0) => page.run(`new Promise((r) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(r)), ${ms}))`),
    async picture(name, whole = true, clip) {
      const { data } = await send("Page.captureScreenshot", { format: "png", captureBeyondViewport: whole, ...(clip ? { clip } : {}) });
      writeFileSync(new URL("build/" + name, here), Buffer.from(data, "base64"));
    },
    async whole(name) {
      const { cssContentSize: c } = await send("Page.getLayoutMetrics");
      await page.picture(name, true, { x: 0, y: 0, width: c.width, height: c.height, scale: 1 });
    },
    async mouse(type, x, y) {
      await send("Input.dispatchMouseEvent", { type, x, y, button: "left", buttons: type === "mouseReleased" ? 0 : 1, clickCount: 1 });
    },
    async key(key, code = key, text) {
      for (const type of ["keyDown", "keyUp"]) await send("Input.dispatchKeyEvent", { type, key, code, ...(text && type === "keyDown" ? { text } : {}) });
    },
    close() { const gone = new Promise((r) => child.on("exit", r)); child.kill(); return gone.then(() => rmSync(profile, { recursive: true, force: true })); },
  };
  return page;
}

if (process.argv[2] === "shots") {
  const page = await open();
  for (const [theme, width, mobile] of [["light", 1280, false], ["dark", 1280, false], ["light", 390, true], ["dark", 390, true]]) {
    await page.size(width, mobile ? 844 : 900, mobile ? 2 : 1, mobile);
    await page.theme(theme);
    await page.load();
    await page.rest(400);
    await page.whole(`${theme}-${width}.png`);
  }
  console.log(page.problems, page.requests.filter((r) => !r.startsWith("file:") && !r.startsWith("data:")));
  await page.close();
}
