/* plane.js: the landscape. Patterns in the plane, the energy's height at every point, and the ways downhill. */
"use strict";

const Plane = (() => {
  const RANGE = 1.4, FINE = 140, COARSE = 70, LEVELS = 15, MOST_STARTS = 80, MOST = Memory.SPOTS;
  const HUES = [212, 28, 150, 280, 350, 48, 185, 320, 90, 245, 10, 125, 60, 300, 200, 0];
  const SEPS = ["softmax", "sparsemax", "entmax", "normmax", "ksubsets"];
  const PLANE_POSTS = {
    none: { name: "none", text: "The mixture is the next state. <cite>HFY eq. 21</cite>" },
    l2: { name: "circle", text: "Scaled to length 1: states live on the circle. <cite>HFY 3.3.6</cite>" },
    sign: { name: "corners", text: "Each number becomes −1 or +1: states live in the corners. <cite>HFY 3.3.1</cite>" },
  };
  const SHADES = { energy: { name: "height" }, ends: { name: "where it ends" } };
  const state = { sep: "softmax", beta: 8, post: "none", step: 0.15, shade: "energy", parameters: {} };
  let memory, patterns = [], starts = [], at = null, cross = { x: 0.1, y: 0.5, shown: false }, drag = -1,
    dragged = false;
  let grid = null, ends = null, job = 0, stale = true, due = false, idle = 0, running = 0;
  const base = document.createElement("canvas"), patch = document.createElement("canvas");
  const canvas = () => $("plane");

  const net = () => {
    const { sep, beta, post, step } = state, { parameter } = SEPARATIONS[sep];
    const it = { plane: true, count: patterns.length, sep, beta, post, step };
    if (parameter) it[parameter.key] = Math.min(state.parameters[sep], sep === "ksubsets" ? patterns.length : Infinity);
    return it;
  };
  function use() {
    memory.use(net());
    patterns.forEach((p, i) => { memory.spots[2 * i] = p.x; memory.spots[2 * i + 1] = p.y; });
  }
  const dark = () => ink.ground[0] < 128;
  function colour(i) { /* of a pattern, as numbers */
    const h = HUES[i % HUES.length] / 360, s = dark() ? 0.62 : 0.66, l = dark() ? 0.64 : 0.46;
    const q = l < 0.5 ? l * (1 + s) : l + s - l * s, p = 2 * l - q;
    return [h + 1 / 3, h, h - 1 / 3].map((t) => {
      t = (t + 1) % 1;
      return 255 * (t < 1 / 6 ? p + (q - p) * 6 * t : t < 1 / 2 ? q : t < 2 / 3 ? p + (q - p) * (2 / 3 - t) * 6 : p);
    });
  }
  const rgb = (c, a = 1) => `rgb(${c.map((v) => Math.round(v)).join(" ")} / ${a})`;
  function mixed(weights) { /* the colour of a blend */
    const sum = [0, 0, 0];
    let total = 0;
    weights.forEach((w, i) => { const c = colour(i); total += w; for (let k = 0; k < 3; k++) sum[k] += w * c[k]; });
    return total > 0 ? sum.map((v) => v / total) : [128, 128, 128];
  }

  /* --- computing --- */
  function gridPoints(n, inside) {
    for (let j = 0, k = 0; j < n; j++) {
      for (let i = 0; i < n; i++) {
        let x = RANGE * (2 * (i + 0.5) / n - 1), y = RANGE * (1 - 2 * (j + 0.5) / n);
        const far = Math.hypot(x, y);
        if (inside && state.post === "l2" && far > 1) { x /= far + 1e-6; y /= far + 1e-6; }
        if (inside && state.post === "sign") { x = Math.max(-1, Math.min(1, x)); y = Math.max(-1, Math.min(1, y)); }
        memory.points[k++] = x;
        memory.points[k++] = y;
      }
    }
  }
  function computeEnergy(n) { /* beyond where states can be: the height at the edge, which is not drawn */
    use();
    gridPoints(n, true);
    const values = memory.energiesOf(n * n).slice(0, n * n), finite = values.filter(Number.isFinite).sort();
    const lo = finite[0], hi = Math.max(finite[Math.floor(finite.length * 0.86)], lo + 1e-6);
    grid = { n, values, lo, hi };
  }
  /* Where every point of a grid ends, a few rows at a time. */
  function computeEnds(n, rows) {
    use();
    if (!ends || ends.n !== n) ends = { n, row: 0, image: new ImageData(n, n) };
    const count = patterns.length, first = ends.row, last = Math.min(n, first + rows);
    gridPoints(n);
    memory.flow(first * n, (last - first) * n, Math.ceil(12 / state.step) + 20);
    for (let k = first * n; k < last * n; k++) {
      const c = mixed(Array.from(memory.pointWeights.subarray(k * count, (k + 1) * count)));
      ends.image.data.set([...c, 255], 4 * k);
    }
    ends.row = last;
    return last === n;
  }
  function computePaths(list) {
    if (!list.length) return;
    use();
    const xy = new Float32Array(list.length * 2), count = patterns.length,
      most = Math.min(400, Math.ceil(12 / state.step) + 10);
    list.forEach((s, i) => { xy[2 * i] = s.x; xy[2 * i + 1] = s.y; s.path = [s.x, s.y]; });
    for (let t = 0; t < most; t++) {
      memory.points.set(xy);
      memory.flow(0, list.length, 1);
      let moved = 0;
      list.forEach((s, i) => {
        const x = memory.points[2 * i], y = memory.points[2 * i + 1], d = Math.hypot(x - xy[2 * i], y - xy[2 * i + 1]);
        if (d > 1e-4 * state.step) s.path.push(x, y);
        moved = Math.max(moved, d);
        xy[2 * i] = x; xy[2 * i + 1] = y;
        s.weights = Array.from(memory.pointWeights.subarray(i * count, (i + 1) * count));
      });
      if (moved <= 1e-4 * state.step) break;
    }
  }

  /* --- drawing --- */
  const X = (x, size) => (x / RANGE + 1) / 2 * size, Y = (y, size) => (1 - y / RANGE) / 2 * size;
  function drawBase(size) {
    const ratio = devicePixelRatio || 1, px = Math.round(size * ratio);
    if (base.width !== px) base.width = base.height = px;
    const g = base.getContext("2d"), { n, values, lo, hi } = grid, image = new ImageData(n, n), low = ink.low,
      ground = ink.ground;
    for (let k = 0; k < n * n; k++) {
      const inside = Number.isFinite(values[k]),
        t = inside ? Math.sqrt(Math.min(1, Math.max(0, (values[k] - lo) / (hi - lo)))) : 1;
      for (let c = 0; c < 3; c++) image.data[4 * k + c] = low[c] * (1 - t) + ground[c] * t;
      image.data[4 * k + 3] = inside ? 255 : 0;
    }
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.fillStyle = ink.css_fill;
    g.fillRect(0, 0, px, px);
    g.save();
    g.beginPath(); /* states live within this: the domain of Ψ */
    if (state.post === "l2") g.arc(px / 2, px / 2, px / 2 / RANGE, 0, 7);
    else if (state.post === "sign") g.rect(X(-1, px), Y(1, px), X(1, px) - X(-1, px), X(1, px) - X(-1, px));
    else g.rect(0, 0, px, px);
    g.clip();
    patch.width = patch.height = n;
    patch.getContext("2d").putImageData(image, 0, 0);
    g.imageSmoothingEnabled = true;
    g.imageSmoothingQuality = "high";
    g.drawImage(patch, 0, 0, px, px);
    if (state.shade === "ends" && ends) {
      patch.width = patch.height = ends.n;
      patch.getContext("2d").putImageData(ends.image, 0, 0);
      g.globalAlpha = 0.55;
      g.drawImage(patch, 0, 0, px, px);
      g.globalAlpha = 1;
    }
    g.strokeStyle = ink.css_contour;
    g.lineWidth = ratio;
    g.beginPath();
    for (let level = 0; level < LEVELS; level++) contour(g, lo + (hi - lo) * ((level + 0.6) / (LEVELS - 2)) ** 2, px);
    g.stroke();
    g.restore();
  }
  /* Marching squares: the line where the energy has this value. */
  function contour(g, value, px) {
    const { n, values } = grid, cell = px / n;
    for (let j = 0; j + 1 < n; j++) {
      for (let i = 0; i + 1 < n; i++) {
        const k = j * n + i, a = values[k], b = values[k + 1], c = values[k + n + 1], d = values[k + n];
        const mask = (a > value) + 2 * (b > value) + 4 * (c > value) + 8 * (d > value);
        if (mask === 0 || mask === 15 || !(a + b + c + d < Infinity)) continue;
        const x = (i + 0.5) * cell, y = (j + 0.5) * cell, part = (u, v) => (value - u) / (v - u) * cell;
        const edge = [() => [x + part(a, b), y], () => [x + cell, y + part(b, c)], () => [x + part(d, c), y + cell],
          () => [x, y + part(a, d)]];
        const [A, B, C, D] = [a, b, c, d].map((v) => v > value), cut = [A !== B, B !== C, D !== C, A !== D];
        const on = [0, 1, 2, 3].filter((e) => cut[e]);
        for (let e = 0; e + 1 < on.length; e += 2) {
          g.moveTo(...edge[on[e]]());
          g.lineTo(...edge[on[e + 1]]());
        }
      }
    }
  }
  function draw() {
    const { g, width } = fit(canvas());
    if (!grid || width < 1) return;
    if (base.width !== Math.round(width * (devicePixelRatio || 1))) stale = true;
    if (stale) { drawBase(width); stale = false; }
    g.drawImage(base, 0, 0, width, width);
    g.lineJoin = g.lineCap = "round";
    for (const s of starts) {
      const c = mixed(s.weights), steps = s.path.length / 2,
        shown = Math.min(steps, Math.max(1, Math.ceil(s.shown * steps)));
      g.strokeStyle = ink.css_card;
      for (const pass of [0, 1]) {
        g.lineWidth = pass ? 2 : 4;
        g.strokeStyle = pass ? rgb(c) : rgb(ink.ground, 0.7);
        g.beginPath();
        for (let t = 0; t < shown; t++) g.lineTo(X(s.path[2 * t], width), Y(s.path[2 * t + 1], width));
        g.stroke();
      }
      if (state.step > 0.3) {
        g.fillStyle = rgb(c);
        for (let t = 1; t < shown; t++) {
          g.beginPath(); g.arc(X(s.path[2 * t], width), Y(s.path[2 * t + 1], width), 2.6, 0, 7); g.fill();
        }
      }
      g.lineWidth = 1.5;
      g.strokeStyle = ink.css_ink;
      g.fillStyle = ink.css_card;
      g.beginPath(); g.arc(X(s.x, width), Y(s.y, width), 3.5, 0, 7); g.fill(); g.stroke();
      g.fillStyle = rgb(c);
      g.beginPath(); g.arc(X(s.path[2 * shown - 2], width), Y(s.path[2 * shown - 1], width), 5, 0, 7); g.fill();
      g.strokeStyle = ink.css_card;
      g.stroke();
    }
    g.font = "600 12px Inter, system-ui, sans-serif";
    g.textAlign = "center";
    g.textBaseline = "middle";
    patterns.forEach((p, i) => {
      g.fillStyle = rgb(colour(i));
      g.strokeStyle = ink.css_card;
      g.lineWidth = 2.5;
      g.beginPath(); g.arc(X(p.x, width), Y(p.y, width), 11, 0, 7); g.fill(); g.stroke();
      g.fillStyle = dark() ? "#10141a" : "#ffffff";
      g.fillText(String(i + 1), X(p.x, width), Y(p.y, width) + 0.5);
    });
    if (cross.shown) {
      const x = X(cross.x, width), y = Y(cross.y, width);
      g.strokeStyle = ink.css_accent;
      g.lineWidth = 2;
      g.beginPath(); g.moveTo(x - 12, y); g.lineTo(x + 12, y); g.moveTo(x, y - 12); g.lineTo(x, y + 12); g.stroke();
    }
  }

  /* --- when something changes: coarsely at once, finely when it rests --- */
  function changed() {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      try {
        computeEnergy(COARSE);
        computePaths(starts);
        for (const s of starts) s.shown = 1;
        cancelAnimationFrame(job);
        ends = null;
        if (state.shade === "ends") computeEnds(36, 36);
        trouble("");
      } catch (error) { trouble("hfy.h says: " + error.message); return; }
      stale = true;
      draw();
      tell();
      clearTimeout(idle);
      idle = setTimeout(refine, 90);
    });
  }
  function refine() {
    computeEnergy(FINE);
    stale = true;
    draw();
    if (state.shade !== "ends") return;
    const coarse = ends; /* shown until the fine one is done */
    let fine = null;
    const more = () => {
      const began = performance.now();
      let done = false;
      ends = fine;
      while (!done && performance.now() - began < 10) done = computeEnds(108, 3);
      fine = ends;
      if (!done) { ends = coarse; job = requestAnimationFrame(more); return; }
      stale = true;
      draw();
    };
    job = requestAnimationFrame(more);
  }
  function animate() {
    if (running) return;
    let before = performance.now();
    const frame = (now) => {
      let busy = false;
      for (const s of starts) if (s.shown < 1) { s.shown = Math.min(1, s.shown + (now - before) / 1400); busy = true; }
      before = now;
      draw();
      running = busy ? requestAnimationFrame(frame) : 0;
    };
    running = requestAnimationFrame(frame);
  }
  function drop(list) {
    for (const s of list) s.shown = reduced.matches ? 1 : 0;
    computePaths(list);
    starts = starts.concat(list).slice(-MOST_STARTS);
    animate();
    at = null;
    tell(list[list.length - 1]);
  }
  function tell(start) {
    const point = at || start || starts[starts.length - 1];
    if (!point) {
      $("plane-here").textContent = "Drop a point, or move over the map.";
      $("plane-weights").replaceChildren();
      return;
    }
    let weights, text;
    if (at || !point.weights) {
      use();
      memory.query[0] = point.x;
      memory.query[1] = point.y;
      const { energy } = memory.step();
      text = `Here: energy ${Number.isFinite(energy) ? number(energy) : "∞"}. The weights of the next step:`;
      weights = Array.from(memory.weights.subarray(0, patterns.length));
    } else {
      weights = point.weights;
      const on = weights.map((w, i) => [w, i + 1]).filter(([w]) => w > 0.005).sort((a, b) => b[0] - a[0]);
      const names = on.slice(0, 4).map(([, i]) => i).join(", ") + (on.length > 4 ? " and others" : "");
      if (on.length === 1 && !weights.includes(1)) text = `The last point ends close to pattern ${names}. Its weights:`;
      else if (!weights.includes(1)) text = `The last point ends at a blend of ${names}. Its weights:`;
      else if (state.post === "none") text = `The last point ends at pattern ${names}, exactly. Its weights:`;
      else text = `The last point ends with all weight on pattern ${names}:`;
    }
    $("plane-here").textContent = text;
    const box = $("plane-weights");
    while (box.children.length > weights.length) box.lastChild.remove();
    while (box.children.length < weights.length) {
      const bar = document.createElement("div");
      bar.append(document.createElement("i"), document.createElement("span"));
      box.append(bar);
    }
    weights.forEach((w, i) => {
      const bar = box.children[i];
      bar.firstChild.style.height = 42 * Math.min(1, w) + "px";
      bar.firstChild.style.background = rgb(colour(i));
      bar.lastChild.textContent = i + 1;
    });
  }

  /* --- controls --- */
  function sync() {
    const sep = SEPARATIONS[state.sep];
    check($("plane-sep"), state.sep);
    $("plane-sep-text").innerHTML = `${sep.text.replace(/digit/g, "pattern")} <cite>${sep.cite}</cite>`;
    $("plane-post-text").innerHTML = PLANE_POSTS[state.post].text;
    $("plane-beta").value = Math.log10(state.beta);
    $("plane-beta-out").textContent = number(state.beta);
    $("plane-step-out").textContent = state.step.toFixed(2);
    parameterSlider("plane-", sep, state.parameters[state.sep], (v) => { state.parameters[state.sep] = v; changed(); });
    $("plane-more").disabled = patterns.length >= MOST;
    $("plane-less").disabled = patterns.length <= 2;
  }
  function shuffle(n) {
    patterns = [];
    for (let tries = 0; patterns.length < n && tries < 2000; tries++) {
      const angle = Math.random() * 2 * Math.PI, r = 0.75 + 0.45 * Math.random(),
        p = { x: r * Math.cos(angle), y: r * Math.sin(angle) };
      if (patterns.every((q) => Math.hypot(p.x - q.x, p.y - q.y) > 0.42 - tries / 6000)) patterns.push(p);
    }
  }
  function rain(n) { /* spread evenly: the sunflower's spiral */
    return Array.from({ length: n }, (_, i) => {
      const r = 1.3 * Math.sqrt((i + 0.5) / n), a = i * 2.39996 + 0.4;
      return { x: r * Math.cos(a), y: r * Math.sin(a) };
    });
  }
  function connect() {
    radios($("plane-sep"), "plane-sep", Object.fromEntries(SEPS.map((k) => [k, SEPARATIONS[k]])), state.sep,
      (key) => { state.sep = key; sync(); changed(); });
    radios($("plane-post"), "plane-post", PLANE_POSTS, state.post, (key) => { state.post = key; sync(); changed(); });
    radios($("plane-shade"), "plane-shade", SHADES, state.shade, (key) => { state.shade = key; changed(); });
    $("plane-beta").oninput = () => { state.beta = 10 ** $("plane-beta").value;
      $("plane-beta-out").textContent = number(state.beta); changed(); };
    $("plane-step").oninput = () => { state.step = +$("plane-step").value;
      $("plane-step-out").textContent = state.step.toFixed(2); changed(); };
    $("plane-rain").onclick = () => { starts = []; drop(rain(40)); };
    $("plane-clear").onclick = () => { starts = []; draw(); tell(); };
    $("plane-more").onclick = () => {
      const far = (p) => Math.min(...patterns.map((q) => Math.hypot(p.x - q.x, p.y - q.y)));
      patterns.push(rain(60).filter((p) => Math.hypot(p.x, p.y) > 0.5).sort((a, b) => far(b) - far(a))[0]);
      sync(); changed();
    };
    $("plane-less").onclick = () => { patterns.pop(); sync(); changed(); };
    $("plane-shuffle").onclick = () => { shuffle(patterns.length); starts = []; changed(); };
    const map = canvas();
    const place = (e) => {
      const box = map.getBoundingClientRect();
      return { x: RANGE * (2 * (e.clientX - box.left) / box.width - 1),
        y: RANGE * (1 - 2 * (e.clientY - box.top) / box.height) };
    };
    const near = (p, radius) => {
      let best = -1, far = radius;
      patterns.forEach((q, i) => { const d = Math.hypot(p.x - q.x, p.y - q.y); if (d < far) { far = d; best = i; } });
      return best;
    };
    const inside = (v) => Math.max(-RANGE * 0.96, Math.min(RANGE * 0.96, v));
    map.onpointerdown = (e) => {
      const p = place(e);
      drag = near(p, e.pointerType === "touch" ? 0.16 : 0.1);
      dragged = drag >= 0;
      if (dragged) map.setPointerCapture(e.pointerId);
    };
    /* a finger scrolls the page, but for one on a pattern */
    map.addEventListener("touchstart", (e) => { if (near(place(e.touches[0]), 0.16) >= 0) e.preventDefault(); },
      { passive: false });
    map.onclick = (e) => { if (!dragged) drop([place(e)]); dragged = false; };
    map.onpointermove = (e) => {
      const p = place(e);
      if (drag >= 0) {
        patterns[drag] = { x: inside(p.x), y: inside(p.y) };
        changed();
      } else if (!running) {
        at = p;
        map.style.cursor = near(p, 0.1) >= 0 ? "grab" : "";
        tell();
      }
    };
    map.onpointerup = map.onpointercancel = () => { drag = -1; };
    map.onpointerleave = () => { at = null; tell(); };
    map.onkeydown = (e) => {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key];
      if (by && e.shiftKey) {
        const i = near(cross, Infinity);
        patterns[i] = { x: inside(patterns[i].x + by[0] * 0.05), y: inside(patterns[i].y + by[1] * 0.05) };
        changed();
      } else if (by) {
        cross.x = inside(cross.x + by[0] * 0.06);
        cross.y = inside(cross.y + by[1] * 0.06);
        at = { x: cross.x, y: cross.y };
        draw();
        tell();
      } else if (e.key === "Enter" || e.key === " ") {
        drop([{ x: cross.x, y: cross.y }]);
      } else {
        return;
      }
      e.preventDefault();
    };
    map.onfocus = () => { cross.shown = map.matches(":focus-visible"); draw(); };
    map.onblur = () => { cross.shown = false; draw(); };
  }
  function begin(its) {
    memory = its;
    for (const key of SEPS) if (SEPARATIONS[key].parameter) state.parameters[key] = SEPARATIONS[key].parameter.value;
    state.parameters.ksubsets = 1.5;
    patterns = [[0.95, 0.3], [0.35, 0.95], [-0.55, 0.85], [-1.0, 0.1], [-0.6, -0.8], [0.25, -1.0],
      [0.9, -0.55]].map(([x, y]) => ({ x, y }));
    connect();
    sync();
    Plane.ready = true;
    starts = rain(14);
    changed();
  }
  /* the last ones for browser.mjs: the points dropped, all that a change costs, what it films */
  const now = () => { computeEnergy(COARSE); computePaths(starts); stale = true; draw(); };
  return { begin, refresh: changed, ready: false, starts: () => starts, use, now, draw, refine, state, sync,
    patterns: () => patterns };
})();
