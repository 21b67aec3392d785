// Pairs and pictures, and which picture of each pair every method shows.
const data = JSON.parse(document.getElementById("data").textContent);
const { axes, seeds, metrics, methods, pairs } = data;
const FIRST = 3; // a picture's row: places of strength and seed, file, then its scores

const by = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const { text, ...others } = attributes;
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(others)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text; // texts of others never become HTML
  made.append(...children);
  return made;
}

const start = () => methods.map((method) => ({ s: method.start, k: method.seeds[0] ?? 0 }));

for (const pair of pairs) {
  pair.at = start();
  methods.forEach((_, m) => showChosen(pair, m));
}

function picture(pair, m) { // its row, if the method has it
  const of = pair.of[m];
  of.places ||= new Map(of.images.map((row) => [`${row[0]} ${row[1]}`, row]));
  return of.places.get(`${pair.at[m].s} ${pair.at[m].k}`);
}

function isChosen(pair, m) {
  const { images, chosen } = pair.of[m];
  return chosen !== null && images[chosen] === picture(pair, m);
}

function address(pair, m, file) {
  return [...methods[m].folder.split("/"), pair.id, file].map(encodeURIComponent).join("/");
}

function label(pair, m, { s, k } = pair.at[m]) {
  const { symbol, strengths } = axes[methods[m].axis];
  const strength = methods[m].fixed ? symbol : `${symbol} = ${strengths[s]}`;
  return seeds.length > 1 ? `${strength}, seed ${seeds[k]}` : strength;
}

function lacking(pair, m) {
  return pair.of[m].why || `no image at ${label(pair, m)}`;
}

function number(value, judged = false) {
  if (value === null || value === undefined) return "–";
  if (judged) return value ? "✓" : "✗";
  return Number.isFinite(Number(value)) ? Number(value).toFixed(3) : "∞";
}

function scores(row, every) {
  const told = metrics.map((metric, n) => [metric, row[FIRST + n]]).filter(([metric]) => every || metric.first);
  return told.map(([metric, value]) => `${metric.short} ${number(value, metric.judged)}`);
}

function setStrength(pair, axis, s) {
  methods.forEach((method, m) => { if (method.axis === axis) pair.at[m].s = s; });
}

function setSeed(pair, k) { // a method without randomness stays with its only seed
  methods.forEach((method, m) => { if (method.seeds.length > 1) pair.at[m].k = k; });
}

function showChosen(pair, m) {
  const row = pair.of[m].images[pair.of[m].chosen];
  if (row) pair.at[m] = { s: row[0], k: row[1] };
}

// Sliders along every axis and the seeds. `of` gives the pairs that they move, `moved` is told afterwards whether the hand
// is off again; what they return shows the first pair's place.
function sliders(into, of, moved) {
  const each = [];
  const add = (name, steps, read, write) => {
    const input = make("input", { type: "range", min: 0, max: steps.length - 1, step: 1, "aria-label": name });
    const told = make("span");
    const tell = () => {
      told.textContent = `${name} = ${steps[input.value]}`;
      input.setAttribute("aria-valuetext", told.textContent);
    };
    for (const kind of ["input", "change"]) {
      input.addEventListener(kind, () => {
        for (const pair of of()) write(pair, Number(input.value));
        tell();
        moved(kind === "change");
      });
    }
    told.classList.toggle("long", name.length > 3);
    into.append(make("label", { class: "slider" }, told, input));
    each.push({ input, show: (pair) => { input.value = read(pair); tell(); } });
  };
  axes.forEach(({ symbol, strengths }, axis) => {
    const m = methods.findIndex((method) => method.axis === axis);
    if (strengths.length > 1) add(symbol, strengths, (pair) => pair.at[m].s, (pair, s) => setStrength(pair, axis, s));
  });
  const random = Math.max(0, methods.findIndex((method) => method.seeds.length > 1));
  if (seeds.length > 1) add("seed", seeds, (pair) => pair.at[random].k, setSeed);
  return { show: (pair) => each.forEach((slider) => slider.show(pair)), each };
}
