/* play.js: the digits. A query is broken or drawn, memory.js steps it, and what each stage gave is shown. */
"use strict";

const $ = (id) => document.getElementById(id);
const MOST_STEPS = 12;

/* --- what there is to choose: words, equations, where a slider starts --- */
const SEPARATIONS = {
  softmax: { name: "softmax", eq: "p = e<sup>θ</sup> / Σ e<sup>θ</sup>", cite: "HFY eq. 3",
    text: "Every digit keeps some weight, however small. This is the attention of transformers." },
  sparsemax: { name: "sparsemax", eq: "p = max(θ − τ, 0)", cite: "HFY eq. 27",
    text: "Scores below a threshold τ get no weight at all, and a clear winner takes all of it." },
  entmax: { name: "α-entmax", eq: "p = max((α−1)θ − τ, 0)<sup>1/(α−1)</sup>", cite: "HFY eq. 17",
    text: "From softmax (α = 1) past sparsemax (α = 2): the larger α, the fewer digits get weight.",
    parameter: { key: "alpha", symbol: "α", name: "how sparse", min: 1, max: 4, step: 0.05, value: 1.5,
      text: "1 is softmax, 2 is sparsemax. <cite>HFY eq. 17</cite>" } },
  normmax: { name: "γ-normmax", eq: "p ∝ max(θ − μ, 0)<sup>1/(γ−1)</sup>", cite: "HFY eq. 18",
    text: "A few digits get weight, and the larger γ, the more alike their weights are.",
    parameter: { key: "gamma", symbol: "γ", name: "how even", min: 1, max: 10, step: 0.1, value: 2,
      text: "1: the best digit alone. Large: a few digits share evenly. <cite>HFY eq. 18</cite>" } },
  ksubsets: { name: "k-subsets", eq: "0 ≤ p ≤ 1, &nbsp;Σ p = k", cite: "HFY eq. 25",
    text: "Each digit gets a weight of 1 at most, and all together get k: several digits at once.", post: "l2",
    parameter: { key: "k", symbol: "k", name: "how many at once", min: 1, max: 8, step: 0.5, value: 3,
      text: "Whole units of weight to hand out. <cite>HFY Example 1</cite>" } },
  identity: { name: "none (classical)", eq: "p = θ", cite: "HFY eq. 1, 9", post: "sign",
    text: "Weights are the scores themselves, so every digit has a say: the network of 1982.", bound: true },
  power: { name: "power (dense)", eq: "p = sign(θ) |θ|<sup>r−1</sup>", cite: "HFY eq. 10", post: "sign", bound: true,
    text: "Scores to a power: the more similar ones count far more. A dense associative memory.",
    parameter: { key: "degree", symbol: "r", name: "how steep", min: 2, max: 30, step: 1, value: 4,
      text: "2 is the classical network. <cite>HFY eq. 10</cite>" } },
};
const SIMILARITIES = {
  dot: { name: "dot product", eq: "θ = β X q", text: "Sum of the products of pixels. <cite>HFY eq. 8</cite>" },
  cosine: { name: "cosine", eq: "θ = β cos(x, q)",
    text: "The same with both at length 1, so β is larger. <cite>HFY 3.2</cite>" },
  euclidean: { name: "distance", eq: "θ = −β ½|x − q|²",
    text: "Minus half the squared distance. <cite>HFY 3.2</cite>" },
  manhattan: { name: "Manhattan", eq: "θ = −β |x − q|₁",
    text: "Minus the sum of differences: hard to fool. <cite>HFY 3.2</cite>" },
};
const POSTS = {
  none: { name: "none", eq: "q′ = z", cite: "HFY eq. 21", text: "The mixture is the next state.",
    told: "Nothing to do: the mixture is the next state." },
  l2: { name: "length", eq: "q′ = 28 z / |z|", cite: "HFY 3.3.6", text: "Scaled to a fixed length.",
    told: "Scaled to a length of 28 = √784." },
  layernorm: { name: "layer norm", eq: "q′ = (z − mean) / spread", cite: "HFY eq. 14",
    text: "Mean 0 and spread 1, as in transformers.",
    told: "Shifted and scaled to mean 0 and spread 1." },
  sign: { name: "sign", eq: "q′ = sign(z)", cite: "HFY 3.3.1", text: "Each pixel all black or all white.",
    told: "Each pixel becomes −1 or +1." },
};
const PRESETS = [
  { name: "Half is gone", net: { sep: "sparsemax", beta: 0.1 }, digit: 7, how: "mask", amount: 50,
    text: "Only the upper half is asked for. One digit leads by more than the margin: one step brings it back whole." },
  { name: "Too soft", net: { sep: "sparsemax", beta: 0.004 }, digit: 7, how: "mask", amount: 50,
    text: "β is too small: no digit leads by the margin, the answer is a blend. Pull β to the right until it snaps." },
  { name: "Attention", net: { sep: "softmax", beta: 0.03 }, digit: 25, how: "mask", amount: 50,
    text: "Softmax, as in transformers: it drifts off into a blend of all 2,000. At which β does it find the digit?" },
  { name: "Hard to fool", net: { sep: "sparsemax", beta: 0.1, sim: "manhattan" }, digit: 1999, how: "flip", amount: 40,
    text: "Two pixels in five are inverted: can you see the digit? Comparing by Manhattan distance still finds it." },
  { name: "Several at once", net: { sep: "ksubsets", k: 3, beta: 0.5, post: "l2" }, digit: 60, how: "mask", amount: 40,
    text: "k-subsets hand out three whole weights, so three digits come back, one on top of the other." },
  { name: "The network of 1982", net: { sep: "identity", post: "sign" }, digit: 7, how: "mask", amount: 50,
    text: "All 2,000 digits answer at once. Pull N down to a handful: even then they are too alike to tell apart." },
  { name: "Draw your own", net: { sep: "sparsemax", beta: 0.05 }, digit: null,
    text: "Draw a digit that was never stored. What comes back is what the memory takes it for." },
];

/* --- state --- */
const S = { net: { sep: "sparsemax", beta: 0.1, sim: "dot", post: "none", count: 2000, parameters: {} },
  digit: 7, start: null, steps: [], at: 0, constant: 0, cursor: { x: 14, y: 14, shown: false }, timer: 0, phase: -1,
  seed: 1 };
let memory, order, place; /* order: patterns by label; place: where a pattern is on the plots */
const reduced = matchMedia("(prefers-reduced-motion: reduce)");

/* --- drawing --- */
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
let ink; /* colours of the theme, looked up once */
function readTheme() {
  const hex = (name) => { const v = css(name); return [1, 3, 5].map((i) => parseInt(v.slice(i, i + 2), 16)); };
  ink = { paper: hex("--digit-paper"), ink: hex("--digit-ink") };
  for (const name of ["ink", "soft", "line", "accent", "s1", "s2", "s3", "s4", "card", "fill", "contour", "paper"]) {
    ink["css_" + name] = css("--" + name);
  }
  ink.low = hex("--low");
  ink.ground = hex("--card");
}

/* -1 is paper, +1 ink; what is larger than that is scaled down. Returns by how much. */
function pixels(image, state) {
  let most = 1;
  for (const v of state) most = Math.max(most, Math.abs(v));
  for (let i = 0; i < 784; i++) {
    const a = (state[i] / most + 1) / 2;
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = ink.paper[c] + a * (ink.ink[c] - ink.paper[c]);
    image.data[4 * i + 3] = 255;
  }
  return most;
}
function drawDigit(canvas, state) {
  const g = canvas.getContext("2d"), image = g.createImageData(28, 28);
  const most = pixels(image, state);
  g.putImageData(image, 0, 0);
  return most;
}
const small = document.createElement("canvas");
small.width = small.height = 28;
function drawQuery() {
  const g = $("query").getContext("2d");
  drawDigit(small, S.start);
  g.imageSmoothingEnabled = false;
  g.drawImage(small, 0, 0, 280, 280);
  if (S.cursor.shown) {
    g.strokeStyle = ink.css_accent;
    g.lineWidth = 3;
    g.strokeRect(S.cursor.x * 10 - 1, S.cursor.y * 10 - 1, 12, 12);
  }
}

/* A canvas as large as it is shown. Returns its context, scaled to CSS pixels. */
function fit(canvas) {
  const ratio = devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  const width = Math.round(box.width * ratio), height = Math.round(box.height * ratio);
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, box.width, box.height);
  return { g, width: box.width, height: box.height };
}

const number = (v) => {
  const a = Math.abs(v);
  const text = a === 0 ? "0" : a >= 1e5 || a < 1e-3 ? v.toExponential(1) : a < 1 ? v.toPrecision(2)
    : v.toFixed(a >= 100 ? 0 : a >= 10 ? 1 : 2);
  return text.replace("-", "−");
};
const many = (n, what) => n.toLocaleString("en") + " " + what + (n === 1 ? "" : "s");

/* The plots of stages 1 and 2: a mark for each stored digit, sorted by class. */
function plot(canvas, values, weights, stems, colour, cut) {
  const { g, width, height } = fit(canvas), left = 4, right = 4, top = 8, bottom = 18, count = S.net.count;
  let lo = stems ? 0 : Infinity, hi = stems ? 0 : -Infinity;
  for (const v of values) { if (v < lo) lo = v; if (v > hi) hi = v; }
  if (stems && lo >= 0 && hi <= 1) hi = Math.max(hi, 0.05);
  if (!(hi > lo)) hi = lo + 1;
  const x = (i) => left + (place[i] + 0.5) / count * (width - left - right);
  const y = (v) => height - bottom - (v - lo) / (hi - lo) * (height - top - bottom);
  g.font = "10px Inter, system-ui, sans-serif";
  g.textAlign = "center";
  g.fillStyle = ink.css_soft;
  g.strokeStyle = ink.css_line;
  let from = 0;
  for (let label = 0; label < 10; label++) {
    const n = S.classes[label], a = left + from / count * (width - left - right),
      b = left + (from + n) / count * (width - left - right);
    if (label) { g.beginPath(); g.moveTo(a, top); g.lineTo(a, height - bottom); g.stroke(); }
    if (n) g.fillText(String(label), (a + b) / 2, height - 5);
    from += n;
  }
  g.beginPath(); g.moveTo(left, y(Math.max(lo, Math.min(0, hi))));
  g.lineTo(width - right, y(Math.max(lo, Math.min(0, hi)))); g.stroke();
  g.textAlign = "left";
  g.fillText(number(hi), left + 2, top + 6);
  if (stems) {
    g.strokeStyle = colour;
    g.lineWidth = Math.max(1, Math.min(3, width / count));
    g.beginPath();
    for (let i = 0; i < count; i++) if (values[i] !== 0) { g.moveTo(x(i), y(0)); g.lineTo(x(i), y(values[i])); }
    g.stroke();
  } else {
    g.fillStyle = colour;
    g.globalAlpha = 0.45;
    const r = count > 400 ? 1 : 2;
    for (let i = 0; i < count; i++) g.fillRect(x(i) - r / 2, y(values[i]) - r / 2, r, r);
    g.globalAlpha = 1;
  }
  if (cut > lo && cut < hi) { /* the threshold: what is below it gets no weight */
    g.strokeStyle = g.fillStyle = ink.css_s2;
    g.setLineDash([4, 3]);
    g.beginPath(); g.moveTo(left + 34, y(cut)); g.lineTo(width - right, y(cut)); g.stroke();
    g.setLineDash([]);
    g.textAlign = "right";
    g.fillText("threshold", width - right, y(cut) - 3);
  }
  const heavy = topOf(weights, 8);
  g.fillStyle = ink.css_s2;
  for (const i of heavy) {
    if (!(Math.abs(weights[i]) > 1e-4)) continue;
    g.beginPath(); g.arc(x(i), y(values[i]), 3.2, 0, 7); g.fill();
  }
  canvas.at = { x, y, values };
}
/* The score from which on weights are not 0, where there is one: p = ((α−1)θ − τ)^(1/(α−1)) solved for θ at p = 0. */
function threshold(s) {
  const alpha = S.net.sep === "sparsemax" ? 2 : S.net.sep === "entmax" ? S.net.parameters.entmax : 1;
  return alpha > 1 ? s.scores[s.best] - s.weights[s.best] ** (alpha - 1) / (alpha - 1) : NaN;
}
/* Indices of the largest. */
function topOf(values, n) {
  const best = [];
  for (let i = 0; i < values.length; i++) {
    if (best.length < n || values[i] > values[best[best.length - 1]]) {
      let j = best.length;
      while (j && values[best[j - 1]] < values[i]) j--;
      best.splice(j, 0, i);
      if (best.length > n) best.pop();
    }
  }
  return best;
}
function tops(box, by, values, weights, tell) {
  const best = topOf(by, 4);
  while (box.children.length < 4) {
    const figure = document.createElement("figure"), canvas = document.createElement("canvas"),
      text = document.createElement("figcaption");
    canvas.width = canvas.height = 28;
    canvas.className = "digit";
    figure.append(canvas, text);
    box.append(figure);
  }
  [...box.children].forEach((figure, j) => {
    const i = best[j];
    figure.style.visibility = i === undefined ? "hidden" : "";
    if (i === undefined) return;
    drawDigit(figure.firstChild, memory.digit(i));
    figure.lastChild.textContent = tell(values[i]);
    figure.title = `stored digit ${i}, a ${memory.labels[i]}`;
    figure.className = Math.abs(weights[i]) > 0 ? "on" : "";
    figure.firstChild.style.opacity = Math.abs(weights[i]) > 0 ? "" : 0.55;
  });
}

function drawEnergy() {
  const { g, width, height } = fit($("energy")), steps = S.steps;
  const values = [...steps.map((s) => s.energy), steps[steps.length - 1].energyNext].map((e) => e + S.constant);
  const finite = values.filter(Number.isFinite);
  if (!finite.length || S.net.sim !== "dot") {
    $("energy-text").innerHTML = "No energy here: only the dot product has one. <cite>HFY eq. 6</cite>";
    return;
  }
  let lo = Math.min(...finite), hi = Math.max(...finite);
  if (!(hi - lo > 1e-9 * Math.abs(hi))) hi = lo + 1;
  const left = 8, x = (t) => left + t / Math.max(1, values.length - 1) * (width - 2 * left);
  const y = (v) => height - 12 - (v - lo) / (hi - lo) * (height - 24);
  g.strokeStyle = ink.css_line;
  g.beginPath(); g.moveTo(0, height - 4); g.lineTo(width, height - 4); g.stroke();
  g.strokeStyle = ink.css_accent;
  g.lineWidth = 2;
  g.beginPath();
  let begun = false;
  values.forEach((v, t) => {
    if (!Number.isFinite(v)) return;
    if (begun) g.lineTo(x(t), y(v)); else g.moveTo(x(t), y(v));
    begun = true;
  });
  g.stroke();
  values.forEach((v, t) => {
    if (!Number.isFinite(v)) return;
    g.fillStyle = t === S.at || t === S.at + 1 ? ink.css_s2 : ink.css_accent;
    g.beginPath(); g.arc(x(t), y(v), t === S.at || t === S.at + 1 ? 4.5 : 3, 0, 7); g.fill();
  });
  const now = values[S.at], after = values[S.at + 1];
  $("energy-text").innerHTML =
    `Energy ${Number.isFinite(now) ? number(now) : "∞"} → ${number(after)}. It never rises. <cite>HFY eq. 6, 20</cite>`;
}

/* --- computing --- */
let due = false;
function changed() { /* at most once for each frame */
  stop();
  if (due) return;
  due = true;
  requestAnimationFrame(() => { due = false; compute(); });
}
function settings() {
  const { sep, sim, post, count } = S.net, { parameter, bound } = SEPARATIONS[sep];
  const net = { sep, sim, post, count, beta: bound ? 1 / (sim === "cosine" ? 1 : 784) : S.net.beta };
  if (parameter) net[parameter.key] = Math.min(S.net.parameters[sep], sep === "ksubsets" ? count : Infinity);
  return net;
}
function compute() {
  const net = settings();
  try {
    memory.query.set(S.start);
    S.steps = memory.walk(net, MOST_STEPS);
    S.constant = net.sim === "dot" ? memory.constant() : 0;
    trouble("");
  } catch (error) {
    trouble("hfy.h says: " + error.message);
    return;
  }
  S.at = Math.min(S.at, S.steps.length - 1);
  show();
}
function trouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}
function same(a, b) {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/* --- showing --- */
function show() {
  drawQuery();
  showAnswer();
  showFilm();
  showStep();
  showCode();
}
function showAnswer() {
  const last = S.steps[S.steps.length - 1], verdict = $("verdict");
  const scale = drawDigit($("answer"), last.next);
  const found = scale <= 1 && last.best < S.net.count && same(last.next, memory.digit(last.best)) ? last.best : -1;
  const label = memory.labels[last.best];
  let kind, text;
  if (found >= 0 && found === S.digit) {
    kind = "good"; text = `Exactly the digit that was broken: all 784 pixels, to the last bit.`;
  } else if (found >= 0) {
    kind = S.digit === null ? "good" : "part";
    text = S.digit === null ? `Stored digit ${found}, a ${label}, to the last bit.`
      : `A stored digit, exactly, but another one: ${found}, a ${label}.`;
  } else if (last.support > 1 && (S.net.sep === "identity" || S.net.sep === "power")) {
    kind = "bad"; text = "None of the stored digits: all of them at once.";
  } else {
    kind = "part"; text = `A blend of ${many(last.support, "stored digit")}, most of all a ${label}.`;
  }
  if (last.residual > 0.01) text += ` Still moving after ${many(S.steps.length, "step")}.`;
  verdict.textContent = text;
  verdict.className = "verdict " + kind;
  $("original").hidden = S.digit === null;
  if (S.digit !== null) drawDigit($("original"), memory.digit(S.digit));
  $("original-text").textContent = S.digit === null ? "You drew this one, so there is no original."
    : `The original: stored digit ${S.digit}, a ${memory.labels[S.digit]}.`;
}
function showFilm() {
  const film = $("film"), states = S.steps.map((s) => s.state);
  states.push(S.steps[S.steps.length - 1].next);
  while (film.children.length > states.length) film.lastChild.remove();
  while (film.children.length < states.length) {
    const button = document.createElement("button"), canvas = document.createElement("canvas"),
      t = film.children.length;
    button.type = "button";
    canvas.width = canvas.height = 28;
    canvas.className = "digit";
    button.append(canvas, document.createElement("span"));
    button.onclick = () => { stop(); S.at = Math.min(t, S.steps.length - 1); showStep(); };
    film.append(button);
  }
  states.forEach((state, t) => {
    const button = film.children[t];
    drawDigit(button.firstChild, state);
    button.lastChild.textContent = t === 0 ? "query" : t === states.length - 1 ? "answer" : "step " + t;
    button.setAttribute("aria-label", t === 0 ? "The query" : "The state after step " + t);
  });
}
function showStep() {
  const s = S.steps[S.at], sep = SEPARATIONS[S.net.sep], last = S.at === S.steps.length - 1;
  [...$("film").children].forEach((button, t) => {
    button.classList.toggle("on", t === S.at || t === S.at + 1);
    if (t === S.at) { /* in sight, without moving the page */
      const film = $("film");
      film.scrollLeft = button.offsetLeft + button.offsetWidth - film.clientWidth / 2;
    }
    if (t === S.at) button.setAttribute("aria-current", "step"); else button.removeAttribute("aria-current");
  });
  $("first").disabled = $("back").disabled = S.at === 0;
  $("forward").disabled = last;
  $("step-text").textContent = `Step ${S.at + 1} of ${S.steps.length}: ` +
    (s.residual === 0 ? "nothing changes any more, this is a fixed point."
    : `pixels change by up to ${number(s.residual)}.`);
  $("eq-sim").innerHTML = SIMILARITIES[S.net.sim].eq;
  $("eq-sep").innerHTML = `${sep.eq} <cite>${sep.cite}</cite>`;
  $("eq-post").innerHTML = `${POSTS[S.net.post].eq} <cite>${POSTS[S.net.post].cite}</cite>`;
  drawDigit($("state"), s.state);
  plot($("scores"), s.scores, s.weights, false, ink.css_s1, threshold(s));
  plot($("weights"), s.weights, s.weights, true, ink.css_s2);
  tops($("top-scores"), s.scores, s.scores, s.weights, number);
  const signed = S.net.sep === "identity" || S.net.sep === "power";
  const heaviest = Float64Array.from(s.weights, (w, i) => 1e9 * w + s.scores[i]); /* of equal ones the better score */
  tops($("top-weights"), heaviest, s.weights, s.weights,
    (w) => signed ? number(w) : w === 0 ? "0" : w < 5e-4 ? "<0.1 %" : +(100 * w).toFixed(w > 0.1 ? 0 : 1) + " %");
  showMargin(s);
  const scale = drawDigit($("projection"), s.projection);
  $("projection-text").textContent = (s.support === 1 ? "One stored digit, copied."
    : `${many(s.support, "stored digit")}, mixed by their weights.`) +
    (scale > 1.001 ? ` Shown ${number(scale)} times paler.` : "");
  const paler = drawDigit($("next"), s.next);
  $("next-text").textContent = POSTS[S.net.post].told + (paler > 1.001 ? ` Shown ${number(paler)} times paler.` : "");
  drawEnergy();
  if (S.phase < 0) document.querySelectorAll(".stage.now").forEach((e) => e.classList.remove("now"));
}
/* What a program would say: the settings that are not the defaults of hfy.h. */
function showCode() {
  const { sep, sim, post } = S.net, { parameter } = SEPARATIONS[sep], net = settings();
  const kinds = { l2: "L2", layernorm: "LAYERNORM" },
    set = [".dim = 784", ".count = " + S.net.count, ".keys = digits", ".max_steps = " + MOST_STEPS];
  const more = [".beta = " + +net.beta.toPrecision(3)];
  if (sim !== "dot") more.push(".sim = HFY_SIM_" + sim.toUpperCase());
  if (sep !== "softmax") more.push(".sep.kind = HFY_SEP_" + sep.toUpperCase());
  if (parameter) more.push(`.sep.${parameter.key} = ${net[parameter.key]}`);
  if (post !== "none") more.push(".post.kind = HFY_POST_" + (kinds[post] || post.toUpperCase()));
  if (post === "l2") more.push(".post.radius = 28");
  $("code").textContent = `hfy_net net = {${set.join(", ")},\n               ${more.join(", ")}};\n` +
    "hfy_retrieve(&net, query, 1, answer, NULL, &work);";
}
function showMargin(s) {
  const [first, second] = topOf(s.scores, 2),
    lead = second === undefined ? Infinity : s.scores[first] - s.scores[second];
  const of = S.net.count.toLocaleString("en"), cite = "<cite>HFY Def. 5</cite>";
  const weight = `${many(s.support, "digit")} of ${of} get${s.support === 1 ? "s" : ""} weight. `;
  let text;
  if (S.net.sep === "ksubsets") text = "No weight is above 1. <cite>HFY Example 1</cite>";
  else if (!Number.isFinite(s.margin)) text = `This separation has no margin: no digit ever takes all. ${cite}`;
  else if (!Number.isFinite(lead)) text = "It is the only one.";
  else if (lead >= s.margin) {
    text = `The best leads by ${number(lead)}, the margin is ${number(s.margin)}: it takes all. ${cite}`;
  } else {
    text = `The best leads by ${number(lead)} only; to take all it needs ${number(s.margin)}. ${cite}`;
  }
  $("margin-text").innerHTML = weight + text;
}

/* --- playing --- */
function stop() {
  clearTimeout(S.timer);
  S.timer = 0;
  S.phase = -1;
  $("play").textContent = "Play";
}
function tick() {
  S.phase++;
  if (S.phase === 4) {
    S.phase = 0;
    if (S.at === S.steps.length - 1) { stop(); showStep(); return; }
    S.at++;
    showStep();
  }
  document.querySelectorAll(".stage").forEach((e, i) => e.classList.toggle("now", i === S.phase));
  S.timer = setTimeout(tick, reduced.matches ? 900 : 450);
}
function play() {
  if (S.timer) { stop(); showStep(); return; }
  S.at = 0;
  showStep();
  $("play").textContent = "Pause";
  tick();
}

/* --- controls --- */
function radios(box, name, choices, chosen, pick) {
  box.setAttribute("role", "radiogroup");
  for (const key of Object.keys(choices)) {
    const label = document.createElement("label"), input = document.createElement("input");
    label.className = "chip";
    input.type = "radio";
    input.name = name;
    input.value = key;
    input.checked = key === chosen;
    input.onchange = () => pick(key);
    label.append(input, choices[key].name);
    box.append(label);
  }
}
const check = (box, key) => { for (const input of box.querySelectorAll("input")) input.checked = input.value === key; };

/* The slider of the chosen separation, or none. */
function parameterSlider(prefix, separation, value, set) {
  const p = separation.parameter, slider = $(prefix + "parameter");
  $(prefix + "parameter-box").className = p ? "" : "unused";
  slider.disabled = !p;
  if (!p) return;
  $(prefix + "parameter-name").innerHTML = `<span class="symbol">${p.symbol}</span> ${p.name}`;
  $(prefix + "parameter-text").innerHTML = p.text;
  slider.min = p.min; slider.max = p.max; slider.step = p.step; slider.value = value;
  $(prefix + "parameter-out").textContent = +value;
  slider.oninput = () => { $(prefix + "parameter-out").textContent = +slider.value; set(+slider.value); };
}
function syncControls() {
  const { net } = S, sep = SEPARATIONS[net.sep];
  for (const [id, key] of [["sep", net.sep], ["sim", net.sim], ["post", net.post]]) check($(id), key);
  $("sep-text").innerHTML = `${sep.text} <cite>${sep.cite}</cite>`;
  $("sim-text").innerHTML = SIMILARITIES[net.sim].text;
  $("post-text").innerHTML = `${POSTS[net.post].text} <cite>${POSTS[net.post].cite}</cite>`;
  /* bound: weights without end. They need a post-transformation that bounds the state, and then β changes nothing. */
  $("post").querySelector("input[value=none]").disabled = $("beta").disabled = !!sep.bound;
  $("beta-text").innerHTML = sep.bound ? "Changes nothing here: what follows is the same for weights of any size."
    : "How much a better score counts. Small: many blend. Large: the best wins. <cite>HFY eq. 8</cite>";
  $("beta").value = Math.log10(net.beta);
  $("beta-out").textContent = sep.bound ? "" : number(net.beta);
  $("count").value = Math.log10(net.count);
  $("count-out").textContent = net.count.toLocaleString("en");
  $("amount-out").textContent = $("amount").value + " %";
  parameterSlider("", sep, net.parameters[net.sep], (v) => { net.parameters[net.sep] = v; unpreset(); changed(); });
}
function chooseSeparation(key) {
  const wanted = SEPARATIONS[key].post || "none";
  const was = SEPARATIONS[S.net.sep].post || "none";
  if (wanted !== was || (SEPARATIONS[key].bound && S.net.post === "none")) S.net.post = wanted;
  S.net.sep = key;
  syncControls();
  changed();
}
function unpreset() {
  for (const button of document.querySelectorAll("#presets button")) {
    button.classList.remove("on");
    button.removeAttribute("aria-pressed");
  }
  $("preset-text").textContent = "";
}
function preset(p, button) {
  stop();
  Object.assign(S.net, { sim: "dot", post: "none", count: 2000 });
  const { k, alpha, ...rest } = p.net;
  Object.assign(S.net, rest);
  if (k) S.net.parameters.ksubsets = k;
  if (alpha) S.net.parameters.entmax = alpha;
  S.at = 0;
  if (p.digit === null) {
    S.digit = null;
    S.start.fill(-1);
    scribble();
  } else {
    $("amount").value = p.amount;
    pickDigit(p.digit);
    breakIt(p.how, p.digit);
  }
  unpreset();
  button.classList.add("on");
  button.setAttribute("aria-pressed", "true");
  $("preset-text").textContent = p.text;
  syncControls();
  compute();
}
function pickDigit(i) {
  S.digit = i;
  S.start.set(memory.digit(i));
}
function breakIt(how, seed) {
  memory.query.set(S.start);
  memory.break(how, $("amount").value / 100 * (how === "noise" ? 2 : 1), seed);
  S.start.set(memory.query);
}
/* A two, as a hand would draw it. */
function scribble() {
  const points = [[9, 9], [11, 6], [15, 5], [18, 7], [18, 11], [15, 15], [11, 19], [8, 22], [14, 21], [20, 22]];
  for (let i = 1; i < points.length; i++) stroke(...points[i - 1], ...points[i], 1);
}
function dab(x, y, value) {
  for (let j = Math.floor(y - 2); j <= y + 2; j++) {
    for (let i = Math.floor(x - 2); i <= x + 2; i++) {
      if (i < 0 || j < 0 || i > 27 || j > 27) continue;
      const far = Math.hypot(i + 0.5 - x, j + 0.5 - y), a = Math.max(0, Math.min(1, 1.75 - far)), at = j * 28 + i;
      S.start[at] = value > 0 ? Math.max(S.start[at], 2 * a - 1) : Math.min(S.start[at], 1 - 2 * a);
    }
  }
}
function stroke(x0, y0, x1, y1, value) {
  const n = Math.ceil(Math.hypot(x1 - x0, y1 - y0) * 2) || 1;
  for (let i = 0; i <= n; i++) dab(x0 + (x1 - x0) * i / n, y0 + (y1 - y0) * i / n, value);
}
const pen = () => (document.querySelector("input[name=pen]:checked").value === "ink" ? 1 : -1);

function connect() {
  radios($("sep"), "sep", SEPARATIONS, S.net.sep, (key) => { unpreset(); chooseSeparation(key); });
  radios($("sim"), "sim", SIMILARITIES, S.net.sim, (key) => {
    const larger = (key === "cosine") - (S.net.sim === "cosine"); /* cosines are at most 1, the others hundreds */
    S.net.beta = Math.min(10, Math.max(10 ** -3.5, S.net.beta * 500 ** larger));
    S.net.sim = key; unpreset(); syncControls(); changed();
  });
  radios($("post"), "post", POSTS, S.net.post, (key) => { S.net.post = key; unpreset(); syncControls(); changed(); });
  $("beta").oninput = () => {
    S.net.beta = 10 ** $("beta").value;
    $("beta-out").textContent = number(S.net.beta);
    changed();
  };
  $("count").oninput = () => {
    S.net.count = Math.max(10, Math.min(2000, Math.round(10 ** $("count").value)));
    $("count-out").textContent = S.net.count.toLocaleString("en");
    if (S.digit !== null && S.digit >= S.net.count) { /* no longer stored: another one */
      pickDigit(S.digit % S.net.count);
      breakIt("mask", 0);
    }
    sortByLabel();
    changed();
  };
  $("amount").oninput = () => { $("amount-out").textContent = $("amount").value + " %"; };
  for (const button of document.querySelectorAll("[data-break]")) {
    button.onclick = () => { breakIt(button.dataset.break, ++S.seed); S.at = 0; changed(); };
  }
  $("clear").onclick = () => { S.digit = null; S.start.fill(-1); S.at = 0; changed(); };
  $("restore").onclick = () => { if (S.digit === null) return; pickDigit(S.digit); S.at = 0; changed(); };
  $("another").onclick = () => {
    pickDigit(Math.floor(Math.random() * S.net.count));
    breakIt("mask", 0);
    S.at = 0;
    changed();
  };
  $("first").onclick = () => { stop(); S.at = 0; showStep(); };
  $("back").onclick = () => { stop(); S.at = Math.max(0, S.at - 1); showStep(); };
  $("forward").onclick = () => { stop(); S.at = Math.min(S.steps.length - 1, S.at + 1); showStep(); };
  $("play").onclick = play;
  PRESETS.forEach((p, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = p.name;
    button.id = "preset-" + i;
    button.onclick = () => { S.net.count = 2000; sortByLabel(); preset(p, button); };
    $("presets").append(button);
  });
  const query = $("query");
  let last = null;
  const at = (e) => {
    const box = query.getBoundingClientRect();
    return [(e.clientX - box.left) / box.width * 28, (e.clientY - box.top) / box.height * 28];
  };
  query.onpointerdown = (e) => {
    query.setPointerCapture(e.pointerId);
    last = at(e);
    stroke(...last, ...last, pen());
    S.at = 0;
    changed();
  };
  query.onpointermove = (e) => {
    if (!last) return;
    for (const move of e.getCoalescedEvents ? e.getCoalescedEvents() : [e]) {
      const now = at(move);
      stroke(...last, ...now, pen());
      last = now;
    }
    drawQuery();
    changed();
  };
  query.onpointerup = query.onpointercancel = () => { last = null; };
  query.onkeydown = (e) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (by) {
      S.cursor.x = Math.max(0, Math.min(27, S.cursor.x + by[0]));
      S.cursor.y = Math.max(0, Math.min(27, S.cursor.y + by[1]));
      drawQuery();
    } else if (e.key === " " || e.key === "Delete" || e.key === "Backspace") {
      dab(S.cursor.x + 0.5, S.cursor.y + 0.5, e.key === " " ? 1 : -1);
      S.at = 0;
      changed();
    } else {
      return;
    }
    e.preventDefault();
  };
  query.onfocus = () => { S.cursor.shown = query.matches(":focus-visible"); drawQuery(); };
  query.onblur = () => { S.cursor.shown = false; drawQuery(); };
  $("theme").onclick = () => {
    setTheme(isDark() ? "light" : "dark");
  };
  for (const id of ["scores", "weights"]) {
    $(id).onpointermove = (e) => {
      const box = $(id).getBoundingClientRect(), { x, y, values } = $(id).at, px = e.clientX - box.left,
        py = e.clientY - box.top;
      let best = -1, far = 400;
      for (let i = 0; i < values.length; i++) {
        const d = (x(i) - px) ** 2 + (y(values[i]) - py) ** 2;
        if (d < far) { far = d; best = i; }
      }
      const { scores, weights } = S.steps[S.at];
      $(id).title = best < 0 ? "" : `stored digit ${best}, a ${memory.labels[best]}: score ${number(scores[best])}, ` +
        `weight ${number(weights[best])}`;
    };
  }
}
const darkSystem = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme || (darkSystem.matches ? "dark" : "light")) === "dark";
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("hfy-theme", theme); } catch { /* a page from a file may have none */ }
  redraw();
}
function redraw() {
  const dark = isDark();
  $("theme").textContent = dark ? "Light" : "Dark";
  $("theme").setAttribute("aria-label", dark ? "Light theme" : "Dark theme");
  readTheme();
  if (S.steps.length) show();
  if (typeof Plane !== "undefined" && Plane.ready) Plane.refresh();
}
function sortByLabel() {
  order = Array.from({ length: S.net.count }, (_, i) => i).sort((a, b) => memory.labels[a] - memory.labels[b] || a - b);
  place = new Uint16Array(S.net.count);
  order.forEach((pattern, at) => { place[pattern] = at; });
  S.classes = new Array(10).fill(0);
  for (const i of order) S.classes[memory.labels[i]]++;
}

async function begin() {
  try {
    const saved = localStorage.getItem("hfy-theme");
    if (saved) document.documentElement.dataset.theme = saved;
  } catch { /* none */ }
  for (const [key, { parameter }] of Object.entries(SEPARATIONS)) {
    if (parameter) S.net.parameters[key] = parameter.value;
  }
  readTheme();
  try {
    memory = await Memory.open();
  } catch (error) {
    trouble("This browser cannot run the page: it needs WebAssembly with SIMD and DecompressionStream, " +
      "which browsers have since 2023. " + error.message);
    throw error;
  }
  $("size").textContent = Math.round(Memory.bytes(HFY_WASM).length / 1000);
  S.start = new Float32Array(784);
  sortByLabel();
  connect();
  $("preset-0").click();
  darkSystem.addEventListener("change", redraw);
  let resized = 0;
  addEventListener("resize", () => { cancelAnimationFrame(resized); resized = requestAnimationFrame(redraw); });
  redraw();
  Plane.begin(memory);
}
const ready = begin();
