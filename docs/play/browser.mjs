// node browser.mjs check [pictures] | movie: drives a chromium without a window over a pipe (its debugging protocol), so that neither
// a driver nor a package is needed. check: see make browser. movie: frames for make movie.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { read } from "./load.mjs";

const here = new URL(".", import.meta.url);
mkdirSync(new URL("build/", here), { recursive: true });

export async function open() {
  const profile = mkdtempSync(join(tmpdir(), "hfy-page-"));
  const child = spawn(process.env.CHROMIUM || "chromium", ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
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


/* --- what must hold --- */
async function check() {
  let passed = 0, failed = 0;
  const expect = (what, holds, told = "") => {
    if (holds) passed++; else { failed++; console.log(`  FAIL ${what} ${told}`); }
  };
  const page = await open();
  const centre = (id) => page.run(`(() => { const e = document.getElementById("${id}"); e.scrollIntoView({ block: "center", behavior: "instant" });
    const b = e.getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2, b.width]; })()`);
  const click = (id) => page.run(`document.getElementById("${id}").click()`);
  const verdict = () => page.run(`document.getElementById("verdict").textContent`);
  const shades = (id) => page.run(`(() => { const c = document.getElementById("${id}");
    return new Set(new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer)).size; })()`);

  /* both themes, two widths: it loads, draws, fits; and pictures to look at */
  for (const theme of ["light", "dark"]) {
    for (const [width, height, mobile] of [[1280, 900, false], [820, 1100, false], [390, 844, true]]) {
      const where = `${theme}, ${width} wide`;
      await page.size(width, height, mobile ? 2 : 1, mobile);
      await page.theme(theme);
      await page.load();
      await page.rest(300);
      expect("a digit comes back, " + where, (await verdict()).startsWith("Exactly the digit"), await verdict());
      expect("nothing sticks out, " + where, await page.run("document.documentElement.scrollWidth <= innerWidth"));
      for (const id of ["query", "answer", "scores", "weights", "projection", "next", "energy", "plane"]) {
        const n = await shades(id);
        expect(`${id} is drawn, ${where}`, n > 4, n + " colours");
      }
      const [r] = (await page.run("getComputedStyle(document.body).backgroundColor")).match(/\d+/g).map(Number);
      expect("its theme, " + where, theme === "dark" ? r < 60 : r > 200, r);
      if (process.argv[3]) await page.whole(`${theme}-${width}.png`);
    }
  }

  /* its answers are those of the C program */
  const answers = read("build/answers"), line = answers.split("\n").find((l) => l.startsWith("sparsemax, 7 mask"));
  await page.size(1280, 900);
  await page.load();
  expect("the C program's answers are there", answers.split("\n").length > 70, answers.length);
  expect("all answers, to the bit", (await page.run("Memory.report(memory)")) === answers);
  await click("preset-0");
  const shown = await page.run("[S.steps.length, Memory.hash(S.steps[S.steps.length - 1].next), Memory.hash(S.steps[S.steps.length - 1].weights)].join()");
  const told = line.match(/: (\d+) steps.* (\w+) (\w+)$/).slice(1).join();
  expect("what the page shows, to the bit", shown === told, `${shown}, not ${told}`);
  expect("the picture of it", await page.run(`(() => { const f = (id) => document.getElementById(id).toDataURL(); return f("answer") === f("original") && f("answer") === f("next"); })()`));

  /* every thing to try, every choice, every slider at both ends: an answer, and no error */
  for (let i = 0; i < 7; i++) {
    await click("preset-" + i);
    expect(`preset ${i}`, await page.run(`document.getElementById("trouble").hidden && S.steps.length > 0 && document.getElementById("preset-text").textContent.length > 40`));
    if (i === 3) expect("hard to fool, and is not", (await verdict()).startsWith("Exactly the digit"), await verdict());
    if (i === 5) expect("the network of 1982 fails", (await verdict()).startsWith("None"), await verdict());
    if (i === 6) expect("a drawn two is taken for a two", /^Stored digit \d+, a 2,/.test(await verdict()), await verdict());
  }
  await click("preset-0");
  const wrong = await page.run(`(() => { const wrong = [], all = (id) => [...document.querySelectorAll("#" + id + " input")];
    const ends = (prefix, what, once) => { for (const id of [prefix + "beta", prefix + "parameter"]) for (const end of ["min", "max"]) {
      const slider = document.getElementById(id), was = slider.value;
      if (slider.disabled) continue;
      slider.value = slider[end]; slider.oninput();
      try { once(); } catch (error) { wrong.push([...what, id, end, error.message].join(" ")); }
      slider.value = was; slider.oninput();
    } };
    for (const sim of all("sim")) { sim.click(); for (const sep of all("sep")) { sep.click(); for (const post of all("post")) {
      if (post.disabled) continue;
      post.click();
      ends("", [sim.value, sep.value, post.value], () => { memory.query.set(S.start); memory.walk(settings(), 4); });
    } } }
    for (const sep of all("plane-sep")) { sep.click(); for (const post of all("plane-post")) { post.click(); ends("plane-", [sep.value, post.value], Plane.now); } }
    return wrong; })()`);
  expect("every choice at both ends of its sliders", wrong.length === 0, wrong.slice(0, 4).join("; "));

  /* what the threshold's line says is true */
  for (const [sep, alpha] of [["sparsemax", 2], ["entmax", 1.5], ["entmax", 1.2], ["entmax", 3]]) {
    expect(`the threshold of ${sep} ${alpha}`, await page.run(`S.net.sep = "${sep}"; S.net.parameters.entmax = ${alpha}; S.net.sim = "dot"; S.net.post = "none"; S.net.beta = 0.01; compute();
      S.steps.every((s) => { const cut = threshold(s); return s.support < 2000 && s.scores.every((v, i) => (v > cut) === (s.weights[i] > 0) || Math.abs(v - cut) < 1e-4); })`));
  }
  const codes = await page.run(`(() => { const all = new Set(), pick = (id) => [...document.querySelectorAll("#" + id + " input")];
    for (const sim of pick("sim")) for (const sep of pick("sep")) for (const post of pick("post")) {
      sim.click(); sep.click(); post.click(); showCode(); all.add(document.getElementById("code").textContent);
    } return [...all]; })()`);
  writeFileSync(new URL("build/code.c", here), '#include "../../../hfy.h"\n' + codes.map((code, i) =>
    `hfy_status code_${i}(const hfy_real *digits, const hfy_real *query, hfy_real *answer);
hfy_status code_${i}(const hfy_real *digits, const hfy_real *query, hfy_real *answer) {\n  hfy_work work = {0};\n  ${code.replace("\nhfy_retrieve", "\n  return hfy_retrieve")}\n}\n`).join("\n"));
  const compiled = spawnSync(process.env.CC || "cc", ["-std=c99", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", fileURLToPath(new URL("build/code.c", here))]);
  expect("the C that it shows compiles", codes.length > 60 && compiled.status === 0, `${codes.length} pieces; ${compiled.stderr}`);
  await page.run("S.net.sep = 'entmax'; S.net.sim = 'dot'; S.net.post = 'none'; S.net.beta = 0.01; showCode()");
  expect("the code says so", (await page.run(`document.getElementById("code").textContent`)).includes(".beta = 0.01, .sep.kind = HFY_SEP_ENTMAX, .sep.alpha = 3}"));

  /* the energy never rises, in either part */
  await page.load();
  await click("preset-1");
  expect("energy falls step by step", await page.run("S.steps.length === 12 && S.steps.every((s) => s.energyNext <= s.energy + 1e-9 * Math.abs(s.energy))"));
  expect("weights sum to 1", await page.run("S.steps.every((s) => Math.abs(s.weights.reduce((a, w) => a + w, 0) - 1) < 1e-5)"));
  await click("plane-rain");
  await page.rest(100);
  const rises = await page.run(`Plane.starts().reduce((n, s) => { Plane.use(); memory.points.set(s.path); const e = memory.energiesOf(s.path.length / 2);
    for (let t = 1; t < s.path.length / 2; t++) if (e[t] > e[t - 1] + 1e-6) n++; return n + (s.path.length < 4); }, 0)`);
  expect("every way goes downhill", rises === 0, rises);

  /* mouse and keys */
  await click("clear");
  await page.rest();
  const [x, y, size] = await centre("query");
  await page.mouse("mousePressed", x, y - size / 4);
  await page.mouse("mouseMoved", x, y + size / 4);
  await page.mouse("mouseReleased", x, y + size / 4);
  await page.rest();
  expect("the mouse draws", await page.run("S.start.reduce((n, v) => n + (v > 0), 0) > 15 && S.digit === null"));
  expect("and what is drawn is answered", /a 1[, .]/.test(await verdict()), await verdict());
  await page.run(`document.getElementById("query").focus()`);
  for (const key of ["ArrowRight", "ArrowDown", "ArrowDown"]) await page.key(key);
  await page.run("S.start.fill(-1)");
  await page.key(" ", "Space");
  await page.rest();
  expect("keys draw", await page.run("S.cursor.x === 15 && S.cursor.y === 16 && S.start[16 * 28 + 15] === 1"));
  await page.run(`document.getElementById("beta").focus()`);
  const before = await page.run("S.net.beta");
  await page.key("ArrowRight");
  expect("keys move a slider", (await page.run("S.net.beta")) > before);
  await click("preset-1");
  await page.run(`document.getElementById("forward").click(); document.getElementById("forward").click()`);
  expect("one step after another", await page.run(`S.at === 2 && document.querySelectorAll("#film .on").length === 2 && document.getElementById("step-text").textContent.startsWith("Step 3 of 12")`));
  await click("play");
  await page.rest(700);
  expect("play", await page.run(`S.phase >= 0 && document.querySelectorAll(".stage.now").length === 1`));
  await click("play");
  const [px, py, pw] = await centre("plane");
  await click("plane-clear");
  await page.mouse("mousePressed", px, py - pw / 8);
  await page.mouse("mouseReleased", px, py - pw / 8);
  await page.rest(100);
  expect("a click drops a point", await page.run("Plane.starts().length === 1 && Plane.starts()[0].path.length > 10"));
  await page.run(`document.getElementById("plane").focus()`);
  await page.key("ArrowLeft");
  await page.key("Enter");
  expect("so does a key", await page.run("Plane.starts().length === 2"));
  await click("theme");
  expect("the theme's button", await page.run(`document.documentElement.dataset.theme === "light" && getComputedStyle(document.body).backgroundColor === "rgb(246, 245, 241)"`));
  const nameless = await page.run(`[...document.querySelectorAll("button, input, canvas")].filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length || e.closest("figure, .film"))).map((e) => e.id)`);
  expect("every control has a name", nameless.length === 0, nameless);
  expect("no error in the console", page.problems.length === 0, page.problems[0]);
  const outside = page.requests.filter((url) => !/^(file|data|about|blob):/.test(url));
  expect("nothing from a network", outside.length === 0 && page.requests.length > 0, outside[0]);

  await click("preset-1");
  const [digits, plane] = await page.run(`(() => { const time = (f) => { const all = []; for (let i = 0; i < 15; i++) { const t = performance.now(); f(); all.push(performance.now() - t); }
    return all.sort((a, b) => a - b)[7].toFixed(1); }; return [time(compute), time(Plane.now)]; })()`);
  console.log(`page: a change of the digits (12 steps) takes ${digits} ms, of the landscape ${plane} ms`);
  await page.close();
  console.log(`page in a browser: ${passed} passed, ${failed} failed`);
  return failed || passed < 90 ? 1 : 0;
}

/* --- the moving picture: the page itself, less some of its controls, frame by frame --- */
async function movie() {
  const WIDTH = 1200, HEIGHT = 730, SCALE = 0.72, FPS = 12.5;
  const page = await open(), frames = mkdtempSync(join(tmpdir(), "hfy-film-"));
  let count = 0;
  await page.size(WIDTH, HEIGHT, 1);
  await page.theme("light");
  await page.load();
  await page.rest(300);
  await page.run(`document.head.insertAdjacentHTML("beforeend", \`<style>
    header, h2, .lead, .try, .steps, .stages-title, .code, #about, .pair, .ask .row, .ask .fine, .break, .compare, #plane-help, .stage > .fine,
    #landscape fieldset:not(:first-child), #landscape .settings > .row, .film-hidden { display: none !important; }
    main { padding: 0 8px !important; max-width: none; } section { padding: 8px 0 0 !important; } * { transition: none !important; }
    body { height: \${innerHeight}px; overflow: hidden; }
    .top { grid-template-columns: 280px 1fr 280px; } .top .digit.big { max-width: 204px; } .top .card { padding: 12px 16px; }
    .verdict { min-height: 3em; margin: 8px 0 0; text-align: center; font-size: .9rem; } .stages { margin-top: 14px; } .stage .digit { max-width: 250px; }
    .land { grid-template-columns: 712px 1fr; } #landscape .settings { zoom: 1.2; gap: 18px; }
    .top .sliders > div:first-child { max-width: 300px; } .top .settings { gap: 4px; } .top .energy canvas { height: 64px; }
  </style>\`);
  for (const id of ["count", "plane-step"]) document.getElementById(id).closest(".sliders > div").classList.add("film-hidden");
  const energy = document.querySelector(".energy"), slider = document.getElementById("parameter-box");
  slider.replaceWith(energy);
  energy.append(slider);
  slider.classList.add("film-hidden");`);
  /* one frame, held for so many */
  const shoot = async (held = 1) => {
    await page.rest();
    const { data } = await page.send("Page.captureScreenshot", { format: "png", clip: { x: 0, y: 0, width: WIDTH, height: HEIGHT, scale: SCALE } });
    for (let i = 0; i < held; i++) writeFileSync(join(frames, String(count++).padStart(4, "0") + ".png"), Buffer.from(data, "base64"));
  };
  const set = (code) => page.run(code);
  const stage = (i) => set(`document.querySelectorAll(".stage").forEach((e, j) => e.classList.toggle("now", j === ${i}))`);
  const beta = (v) => set(`S.net.beta = 10 ** ${v}; syncControls(); compute()`);
  const scene = (id) => set(`for (const e of document.querySelectorAll("section")) e.style.display = e.id === "${id}" ? "" : "none"; redraw()`);
  const ease = (a, b, n) => Array.from({ length: n }, (_, i) => { const t = (i + 1) / n; return a + (b - a) * t * t * (3 - 2 * t); });

  await scene("digits");
  await set(`document.getElementById("preset-0").click(); pickDigit(7); compute()`);
  await shoot(9);
  for (let keep = 26; keep >= 14; keep -= 2) { await set(`S.start.fill(0, ${keep} * 28); compute()`); await shoot(); }
  await shoot(3);
  for (let i = 0; i < 4; i++) { await stage(i); await shoot(5); }
  await stage(-1);
  await shoot(6);
  for (const v of ease(-1, -2.5, 16)) { await beta(v); await shoot(); }
  await shoot(8);
  for (const v of ease(-2.5, -1, 14)) { await beta(v); await shoot(); }
  await shoot(8);
  await set(`pickDigit(25); document.getElementById("amount").value = 50; breakIt("noise", 5); compute()`);
  await shoot(12);
  await scene("landscape");
  await set("Plane.refine()");
  await set(`document.getElementById("plane-rain").click()`);
  for (let t = 0; t <= 22; t++) { await set(`for (const s of Plane.starts()) s.shown = ${t / 22}; Plane.draw()`); await shoot(t === 22 ? 8 : 1); }
  for (const v of ease(Math.log10(8), 0.2, 14)) { await set(`Plane.state.beta = 10 ** ${v}; Plane.sync(); Plane.now(); Plane.refine()`); await shoot(); }
  await shoot(6);
  for (const v of ease(0.2, 1.35, 14)) { await set(`Plane.state.beta = 10 ** ${v}; Plane.sync(); Plane.now(); Plane.refine()`); await shoot(); }
  await shoot(14);
  await page.close();
  const out = fileURLToPath(new URL("../play.gif", here)), raw = join(frames, "raw.gif");
  const run = (program, ...words) => { const { status } = spawnSync(program, words, { stdio: ["ignore", "ignore", "inherit"] }); if (status) throw new Error(program + " failed"); };
  run("ffmpeg", "-loglevel", "error", "-y", "-framerate", String(FPS), "-i", join(frames, "%04d.png"), "-filter_complex",
    "[0:v]split[a][b];[a]palettegen=max_colors=96:stats_mode=full[p];[b][p]paletteuse=dither=none:diff_mode=rectangle", raw);
  run("gifsicle", "-O3", "--lossy=40", raw, "-o", out);
  const bytes = statSync(out).size;
  console.log(`docs/play.gif: ${count} frames, ${bytes} bytes`);
  rmSync(frames, { recursive: true, force: true });
  return bytes > 2e6 ? 1 : 0;
}

const job = { check, movie }[process.argv[2]];
if (job) {
  setTimeout(() => { console.log("no answer from chromium within five minutes"); process.exit(1); }, 300000).unref();
  process.exit(await job());
}
