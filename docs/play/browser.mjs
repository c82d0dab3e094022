// node browser.mjs check [pictures] | movie: drives a chromium without a window over a pipe (its debugging protocol),
// so that neither a driver nor a package is needed. check: see make browser. movie: see make movie.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { read } from "./load.mjs";

const here = new URL(".", import.meta.url);
const file = (name) => fileURLToPath(new URL(name, here));
mkdirSync(file("build"), { recursive: true });

export async function open() {
  const profile = mkdtempSync(join(tmpdir(), "hfy-page-"));
  const child = spawn(process.env.CHROMIUM || "chromium", ["--headless", "--no-sandbox", "--disable-gpu",
    "--disable-dev-shm-usage", "--remote-debugging-pipe", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--user-data-dir=" + profile, "about:blank"],
  { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  let next = 1, rest = "", session;
  const waiting = new Map(), problems = [], requests = [];
  const heard = ({ id, method, params, ...answer }) => {
    if (id) {
      waiting.get(id)(answer);
      waiting.delete(id);
    } else if (method === "Runtime.exceptionThrown") {
      problems.push(params.exceptionDetails.exception?.description || params.exceptionDetails.text);
    } else if (method === "Runtime.consoleAPICalled" && ["error", "warning", "assert"].includes(params.type)) {
      problems.push(params.args.map((a) => a.value).join(" "));
    } else if (method === "Log.entryAdded" && ["error", "warning"].includes(params.entry.level)) {
      problems.push(params.entry.text);
    } else if (method === "Network.requestWillBeSent") {
      requests.push(params.request.url);
    }
  };
  child.on("error", (error) => { console.log("no chromium: " + error.message); process.exit(1); });
  child.stdio[4].setEncoding("utf8").on("data", (text) => {
    const parts = (rest + text).split("\0");
    rest = parts.pop();
    for (const part of parts) heard(JSON.parse(part));
  });
  const send = (method, params = {}) => new Promise((resolve, reject) => {
    const id = next++;
    waiting.set(id, ({ error, result }) => {
      if (error) reject(new Error(`${method}: ${error.message}`)); else resolve(result);
    });
    child.stdio[3].write(JSON.stringify({ id, method, params, ...(session ? { sessionId: session } : {}) }) + "\0");
  });
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  session = (await send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(domain + ".enable");

  const page = {
    send, problems, requests,
    /* Runs a text, or a function of this file with arguments, in the page. */
    async run(what, ...words) {
      const expression = typeof what === "function" ? `(${what})(${words.map((w) => JSON.stringify(w)).join()})` : what;
      const told = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
      const wrong = told.exceptionDetails;
      if (wrong) throw new Error(wrong.exception?.description || wrong.text);
      return told.result.value;
    },
    size: (width, height, scale = 1, mobile = false) =>
      send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: scale, mobile }),
    theme: (value) => send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] }),
    async load() {
      await send("Page.navigate", { url: new URL("index.html", here).href });
      for (let i = 0; !(await page.run("document.readyState === 'complete' && typeof ready !== 'undefined'")); i++) {
        if (i > 200) throw new Error("the page does not load");
        await new Promise((r) => setTimeout(r, 50));
      }
      await page.run("ready");
    },
    rest: (ms = 0) => page.run((time) => new Promise((r) => setTimeout(() =>
      requestAnimationFrame(() => requestAnimationFrame(r)), time)), ms),
    async picture(clip) {
      const { data } = await send("Page.captureScreenshot", { format: "png", captureBeyondViewport: true, clip });
      return Buffer.from(data, "base64");
    },
    async whole(name) {
      const { cssContentSize: { width, height } } = await send("Page.getLayoutMetrics");
      writeFileSync(file("build/" + name), await page.picture({ x: 0, y: 0, width, height, scale: 1 }));
    },
    click: (id) => page.run((it) => document.getElementById(it).click(), id),
    text: (id) => page.run((it) => document.getElementById(it).textContent, id),
    focus: (id) => page.run((it) => document.getElementById(it).focus(), id),
    /* Where an element is: its centre and its width. */
    centre: (id) => page.run((it) => {
      const element = document.getElementById(it);
      element.scrollIntoView({ block: "center", behavior: "instant" });
      const { left, top, width, height } = element.getBoundingClientRect();
      return [left + width / 2, top + height / 2, width];
    }, id),
    mouse: (type, x, y) => send("Input.dispatchMouseEvent",
      { type, x, y, button: "left", buttons: type === "mouseReleased" ? 0 : 1, clickCount: 1 }),
    async key(key, code = key) {
      for (const type of ["keyDown", "keyUp"]) await send("Input.dispatchKeyEvent", { type, key, code });
    },
    async close() {
      const gone = new Promise((r) => child.on("exit", r));
      child.kill();
      await gone;
      rmSync(profile, { recursive: true, force: true });
    },
  };
  return page;
}

/* --- what must hold --- */
let passed = 0, failed = 0;
function expect(what, holds, told = "") {
  if (holds) { passed++; return; }
  failed++;
  console.log(`  FAIL ${what} ${told}`);
}

/* Both themes, three widths: it loads, draws, fits. Pictures to look at, if asked for. */
async function checkLooks(page) {
  for (const theme of ["light", "dark"]) {
    for (const [width, height, mobile] of [[1280, 900, false], [820, 1100, false], [390, 844, true]]) {
      const where = `${theme}, ${width} wide`;
      await page.size(width, height, mobile ? 2 : 1, mobile);
      await page.theme(theme);
      await page.load();
      await page.rest(300);
      const verdict = await page.text("verdict");
      expect("a digit comes back, " + where, verdict.startsWith("Exactly the digit"), verdict);
      expect("nothing sticks out, " + where, await page.run("document.documentElement.scrollWidth <= innerWidth"));
      for (const id of ["query", "answer", "scores", "weights", "projection", "next", "energy", "plane"]) {
        const colours = await page.run((it) => {
          const canvas = document.getElementById(it), { width, height } = canvas;
          return new Set(new Uint32Array(canvas.getContext("2d").getImageData(0, 0, width, height).data.buffer)).size;
        }, id);
        expect(`${id} is drawn, ${where}`, colours > 4, colours + " colours");
      }
      const background = await page.run("getComputedStyle(document.body).backgroundColor");
      const [red] = background.match(/\d+/);
      expect("its theme, " + where, theme === "dark" ? red < 60 : red > 200, background);
      if (process.argv[3]) await page.whole(`${theme}-${width}.png`);
    }
  }
}

/* Its answers, and what it shows of them, are those of the C program. */
async function checkAnswers(page) {
  const answers = read("build/answers"), line = answers.split("\n").find((l) => l.startsWith("sparsemax, 7 mask"));
  expect("the C program's answers are there", answers.split("\n").length > 70, answers.length);
  expect("all answers, to the bit", (await page.run("Memory.report(memory)")) === answers);
  await page.click("preset-0");
  const shown = await page.run(() => {
    const last = S.steps[S.steps.length - 1];
    return [S.steps.length, Memory.hash(last.next), Memory.hash(last.weights)].join();
  });
  const told = line.match(/: (\d+) steps.* (\w+) (\w+)$/).slice(1).join();
  expect("what the page shows, to the bit", shown === told, `${shown}, not ${told}`);
  expect("the picture of it", await page.run(() => {
    const seen = ["answer", "original", "next"].map((id) => document.getElementById(id).toDataURL());
    return seen[0] === seen[1] && seen[0] === seen[2];
  }));
}

/* Everything to try, every choice, every slider at both ends: an answer, and no error. */
async function checkChoices(page) {
  const verdicts = { 0: /^Exactly the digit/, 1: /^A blend of \d+ stored digits/, 2: /^A blend of 2,000/,
    3: /^Exactly the digit/, 4: /^A blend of 3 /, 5: /^None of the stored/, 6: /^Stored digit \d+, a 2,/ };
  for (const i of Object.keys(verdicts)) {
    await page.click("preset-" + i);
    const verdict = await page.text("verdict");
    expect(`preset ${i}`, verdicts[i].test(verdict) && (await page.text("preset-text")).length > 40, verdict);
    expect(`no trouble with preset ${i}`, (await page.text("trouble")) === "");
  }
  await page.click("preset-0");
  const wrong = await page.run(() => {
    const errors = [], all = (id) => document.querySelectorAll(`#${id} input:not(:disabled)`);
    const ends = (prefix, what, once) => {
      for (const id of [prefix + "beta", prefix + "parameter"]) {
        const slider = document.getElementById(id), was = slider.value;
        if (slider.disabled) continue;
        for (const end of ["min", "max"]) {
          slider.value = slider[end];
          slider.oninput();
          try { once(); } catch (error) { errors.push([...what, id, end, error.message].join(" ")); }
        }
        slider.value = was;
        slider.oninput();
      }
    };
    const walk = () => { memory.query.set(S.start); memory.walk(settings(), 4); };
    for (const sim of all("sim")) {
      sim.click();
      for (const sep of all("sep")) {
        sep.click();
        for (const post of all("post")) { post.click(); ends("", [sim.value, sep.value, post.value], walk); }
      }
    }
    for (const sep of all("plane-sep")) {
      sep.click();
      for (const post of all("plane-post")) { post.click(); ends("plane-", [sep.value, post.value], Plane.now); }
    }
    return errors;
  });
  expect("every choice at both ends of its sliders", wrong.length === 0, wrong.slice(0, 4).join("; "));
}

/* The C that the page shows compiles, and says what is set. */
async function checkCode(page) {
  await page.load();
  const codes = await page.run(() => {
    const all = new Set(), inputs = (id) => document.querySelectorAll(`#${id} input`);
    for (const sim of inputs("sim")) for (const sep of inputs("sep")) for (const post of inputs("post")) {
      for (const input of [sim, sep, post]) input.click();
      showCode();
      all.add(document.getElementById("code").textContent);
    }
    return [...all];
  });
  const head = (i) => `hfy_status code_${i}(const hfy_real *digits, const hfy_real *query, hfy_real *answer)`;
  writeFileSync(file("build/code.c"), '#include "../../../hfy.h"\n' + codes.map((code, i) => `${head(i)};
${head(i)} {\n  hfy_work work = {0};\n  ${code.replace("\nhfy_retrieve", "\n  return hfy_retrieve")}\n}\n`).join(""));
  const compiled = spawnSync(process.env.CC || "cc", ["-std=c99", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
    file("build/code.c")]);
  expect("the C that it shows compiles", codes.length > 60 && compiled.status === 0, compiled.stderr);
  await page.load();
  for (const [sep, alpha] of [["sparsemax", 2], ["entmax", 1.2], ["entmax", 1.5], ["entmax", 3]]) {
    await page.run((kind, value) => {
      Object.assign(S.net, { sep: kind, beta: 0.01 });
      S.net.parameters.entmax = value;
      compute();
    }, sep, alpha);
    expect(`the threshold of ${sep} ${alpha}`, await page.run(() => S.steps.every((s) => {
      const cut = threshold(s), right = (v, i) => (v > cut) === (s.weights[i] > 0) || Math.abs(v - cut) < 1e-4;
      return s.support < 2000 && s.scores.every(right);
    })));
  }
  expect("the code says so", (await page.text("code")).includes("= 0.01, .sep.kind = HFY_SEP_ENTMAX, .sep.alpha = 3}"));
}

/* The energy never rises, in either part. */
async function checkEnergy(page) {
  await page.load();
  await page.click("preset-1");
  expect("energy falls step by step", await page.run(() => S.steps.length === 12 &&
    S.steps.every((s) => s.energyNext <= s.energy + 1e-9 * Math.abs(s.energy))));
  expect("weights sum to 1", await page.run(() =>
    S.steps.every((s) => Math.abs(s.weights.reduce((a, w) => a + w, 0) - 1) < 1e-5)));
  await page.click("plane-rain");
  await page.rest(100);
  const rises = await page.run(() => Plane.starts().reduce((n, { path }) => {
    Plane.use();
    memory.points.set(path);
    const e = memory.energiesOf(path.length / 2);
    for (let t = 1; t < path.length / 2; t++) if (e[t] > e[t - 1] + 1e-6) n++;
    return n + (path.length < 4);
  }, 0));
  expect("every way goes downhill", rises === 0, rises);
}

/* Mouse and keys. */
async function checkHands(page) {
  await page.click("clear");
  await page.rest();
  const [x, y, size] = await page.centre("query");
  await page.mouse("mousePressed", x, y - size / 4);
  await page.mouse("mouseMoved", x, y + size / 4);
  await page.mouse("mouseReleased", x, y + size / 4);
  await page.rest();
  expect("the mouse draws", await page.run("S.start.reduce((n, v) => n + (v > 0), 0) > 15 && S.digit === null"));
  expect("and what is drawn is answered", /a 1[, .]/.test(await page.text("verdict")), await page.text("verdict"));
  await page.focus("query");
  for (const key of ["ArrowRight", "ArrowDown", "ArrowDown"]) await page.key(key);
  await page.run("S.start.fill(-1)");
  await page.key(" ", "Space");
  await page.rest();
  expect("keys draw", await page.run("S.cursor.x === 15 && S.cursor.y === 16 && S.start[16 * 28 + 15] === 1"));
  await page.focus("beta");
  const before = await page.run("S.net.beta");
  await page.key("ArrowRight");
  expect("keys move a slider", (await page.run("S.net.beta")) > before);
  await page.click("preset-1");
  await page.click("forward");
  await page.click("forward");
  expect("one step after another", (await page.text("step-text")).startsWith("Step 3 of 12") &&
    (await page.run(() => S.at === 2 && document.querySelectorAll("#film .on").length === 2)));
  await page.click("play");
  await page.rest(700);
  expect("play", await page.run(() => S.phase >= 0 && document.querySelectorAll(".stage.now").length === 1));
  await page.click("play");
  const [px, py, width] = await page.centre("plane");
  await page.click("plane-clear");
  for (const type of ["mousePressed", "mouseReleased"]) await page.mouse(type, px, py - width / 8);
  await page.rest(100);
  const dropped = () => page.run(() => Plane.starts().filter((s) => s.path.length > 10).length);
  expect("a click drops a point", (await dropped()) === 1);
  await page.focus("plane");
  await page.key("ArrowLeft");
  await page.key("Enter");
  expect("so does a key", (await dropped()) === 2);
  const where = () => page.run("JSON.stringify(Plane.patterns())");
  const was = await where();
  const [lx, ly] = await page.run(([p], w) => [p.x / 2.8 * w, -p.y / 2.8 * w], JSON.parse(was), width);
  await page.mouse("mousePressed", px + lx, py + ly);
  await page.mouse("mouseMoved", px + lx - 40, py + ly);
  await page.mouse("mouseReleased", px + lx - 40, py + ly);
  expect("the mouse moves a pattern, and drops no point", (await where()) !== was && (await dropped()) === 2);
  await page.click("theme");
  expect("the theme's button", await page.run(() => document.documentElement.dataset.theme === "light" &&
    getComputedStyle(document.body).backgroundColor === "rgb(246, 245, 241)"));
  const nameless = await page.run(() => [...document.querySelectorAll("button, input, canvas")].filter((e) =>
    !(e.textContent.trim() || e.ariaLabel || e.labels?.length || e.closest("figure, .film"))).map((e) => e.id));
  expect("every control has a name", nameless.length === 0, nameless);
}

async function check() {
  const page = await open();
  await checkLooks(page);
  await page.size(1280, 900);
  await page.load();
  await checkAnswers(page);
  await checkChoices(page);
  await checkCode(page);
  await checkEnergy(page);
  await checkHands(page);
  expect("no error in the console", page.problems.length === 0, page.problems[0]);
  const outside = page.requests.filter((url) => !/^(file|data|about|blob):/.test(url));
  expect("nothing from a network", outside.length === 0 && page.requests.length > 0, outside[0]);
  await page.click("preset-1");
  const [digits, plane] = await page.run(() => [compute, Plane.now].map((f) => {
    const times = Array.from({ length: 15 }, () => { const t = performance.now(); f(); return performance.now() - t; });
    return times.sort((a, b) => a - b)[7].toFixed(1);
  }));
  console.log(`page: a change of the digits (12 steps) takes ${digits} ms, of the landscape ${plane} ms`);
  await page.close();
  console.log(`page in a browser: ${passed} passed, ${failed} failed`);
  return failed || passed < 105 ? 1 : 0;
}

/* --- the moving picture: the page itself, less some of its controls, frame by frame --- */
const FILM_STYLE = `
  header, h2, .lead, .try, .steps, .stages-title, .code, #about, .pair, .ask .row, .ask .fine, .break, .compare,
  #plane-help, .stage > .fine, #landscape fieldset:not(:first-child), #landscape .settings > .row, .film-hidden {
    display: none !important; }
  main { padding: 0 8px !important; max-width: none; }
  section { padding: 8px 0 0 !important; }
  * { transition: none !important; }
  body { height: 100vh; overflow: hidden; }
  .top { grid-template-columns: 280px 1fr 280px; }
  .top .digit.big { max-width: 204px; }
  .top .card { padding: 12px 16px; }
  .top .settings { gap: 4px; }
  .top .sliders > div:first-child { max-width: 300px; }
  .top .energy canvas { height: 64px; }
  .verdict { min-height: 3em; margin: 8px 0 0; text-align: center; font-size: .9rem; }
  .stages { margin-top: 14px; }
  .stage .digit { max-width: 250px; }
  .land { grid-template-columns: 712px 1fr; }
  #landscape .settings { zoom: 1.2; gap: 18px; }`;

async function movie() {
  const WIDTH = 1200, HEIGHT = 730, SCALE = 0.72, FPS = "12.5";
  const page = await open(), frames = mkdtempSync(join(tmpdir(), "hfy-film-"));
  let count = 0;
  await page.size(WIDTH, HEIGHT, 1);
  await page.theme("light");
  await page.load();
  await page.rest(300);
  await page.run((style) => {
    document.head.append(Object.assign(document.createElement("style"), { textContent: style }));
    const hidden = (id) => document.getElementById(id).closest(".sliders > div").classList.add("film-hidden");
    hidden("count");
    hidden("plane-step");
    const energy = document.querySelector(".energy"), slider = document.getElementById("parameter-box");
    slider.replaceWith(energy); /* beside beta */
    energy.append(slider);
    slider.classList.add("film-hidden");
  }, FILM_STYLE);
  /* one frame, held for so many */
  const shoot = async (held = 1) => {
    await page.rest();
    const picture = await page.picture({ x: 0, y: 0, width: WIDTH, height: HEIGHT, scale: SCALE });
    for (let i = 0; i < held; i++) writeFileSync(join(frames, String(count++).padStart(4, "0") + ".png"), picture);
  };
  const slide = async (from, to, n, set) => {
    for (let i = 1; i <= n; i++) {
      const t = i / n;
      await page.run(set, from + (to - from) * t * t * (3 - 2 * t));
      await shoot();
    }
  };
  const stage = (now) => page.run((i) =>
    document.querySelectorAll(".stage").forEach((e, j) => e.classList.toggle("now", j === i)), now);
  const scene = (id) => page.run((it) => {
    for (const section of document.querySelectorAll("section")) section.style.display = section.id === it ? "" : "none";
    redraw();
  }, id);
  const beta = (v) => { S.net.beta = 10 ** v; syncControls(); compute(); };
  const planeBeta = (v) => { Plane.state.beta = 10 ** v; Plane.sync(); Plane.now(); Plane.refine(); };

  await scene("digits");
  await page.run(() => { document.getElementById("preset-0").click(); pickDigit(7); compute(); });
  await shoot(9);
  for (let keep = 26; keep >= 14; keep -= 2) {
    await page.run((rows) => { S.start.fill(0, rows * 28); compute(); }, keep);
    await shoot();
  }
  await shoot(3);
  for (let i = 0; i < 4; i++) { await stage(i); await shoot(5); }
  await stage(-1);
  await shoot(6);
  await slide(-1, -2.5, 16, beta);
  await shoot(8);
  await slide(-2.5, -1, 14, beta);
  await shoot(8);
  await page.run(() => { pickDigit(25); breakIt("noise", 5); compute(); });
  await shoot(12);
  await scene("landscape");
  await page.run(() => { Plane.refine(); document.getElementById("plane-rain").click(); });
  for (let t = 0; t <= 22; t++) {
    await page.run((part) => { for (const s of Plane.starts()) s.shown = part; Plane.draw(); }, t / 22);
    await shoot(t === 22 ? 8 : 1);
  }
  await slide(Math.log10(8), 0.2, 14, planeBeta);
  await shoot(6);
  await slide(0.2, 1.35, 14, planeBeta);
  await shoot(14);
  await page.close();

  const out = file("../play.gif"), raw = join(frames, "raw.gif");
  const call = (program, ...words) => {
    const { status } = spawnSync(program, words, { stdio: ["ignore", "ignore", "inherit"] });
    if (status !== 0) throw new Error(program + " failed");
  };
  call("ffmpeg", "-loglevel", "error", "-y", "-framerate", FPS, "-i", join(frames, "%04d.png"), "-filter_complex",
    "[0:v]split[a][b];[a]palettegen=max_colors=96[p];[b][p]paletteuse=dither=none:diff_mode=rectangle", raw);
  call("gifsicle", "-O3", "--lossy=40", raw, "-o", out);
  rmSync(frames, { recursive: true, force: true });
  const bytes = statSync(out).size;
  console.log(`docs/play.gif: ${count} frames, ${bytes} bytes`);
  return bytes > 2e6 ? 1 : 0;
}

const job = { check, movie }[process.argv[2]];
if (job) {
  setTimeout(() => { console.log("no answer from chromium within five minutes"); process.exit(1); }, 300000).unref();
  process.exit(await job());
}
