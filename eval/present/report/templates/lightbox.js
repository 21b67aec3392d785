// One picture large, switched with the input by hand (A/B) or in turn (flicker).
const box = by("box");
const FLICKER = 500; // ms a picture: two changes a second, well below what can harm
let large = null; // the pair
let method = 0;
let side = "edit"; // or the file of what it is compared with
let timer = null;

const boxSliders = sliders(by("box-sliders"), () => [large], () => { side = "edit"; showLarge(); });

function open(pair, m, what) {
  [large, method, side] = [pair, m, what];
  showLarge();
  if (!box.open) box.showModal();
  by("flip").focus();
}

function showLarge() {
  const row = picture(large, method);
  const truth = side === "truth.png";
  const owner = truth ? large.truth : large.input;
  const sources = {
    "box-edit": row && address(large, method, row[2]),
    "box-input": owner !== null && address(large, owner, truth ? side : "input.png"),
  };
  const shown = side === "edit" ? "box-edit" : "box-input";
  for (const [id, source] of Object.entries(sources)) {
    if (source && by(id).getAttribute("src") !== source) by(id).src = source;
    by(id).hidden = id !== shown || !source;
  }
  by("box-none").hidden = Boolean(sources[shown]);
  by("box-none").textContent = sources[shown] ? "" : side === "edit" ? lacking(large, method) : "no input";
  const edit = `${methods[method].name}, ${label(large, method)}${isChosen(large, method) ? " ★ chosen" : ""}`;
  const told = row && metrics.length ? `${edit}: ${scores(row, true).join(" · ")}` : edit;
  by("box-edit").alt = edit;
  by("box-caption").textContent = side === "edit" ? told : truth ? "true edit" : "input";
  by("box-text").textContent = large.text;
  boxSliders.show(large);
  const place = found.indexOf(large);
  by("before").disabled = place <= 0;
  by("after").disabled = place === -1 || place === found.length - 1;
}

function flip() {
  side = side === "edit" ? "input.png" : "edit";
  showLarge();
}

function flicker(on = timer === null) {
  clearInterval(timer);
  timer = on ? setInterval(flip, FLICKER) : null;
  by("flicker").setAttribute("aria-pressed", on);
}

function toPair(step) {
  const to = found[found.indexOf(large) + step];
  if (!to) return;
  large = to;
  showLarge();
}

function nextMethod() {
  method = (method + 1) % methods.length;
  side = "edit";
  showLarge();
}

function move(symbol, step) { // the slider of the method's axis, or of the seeds
  const slider = boxSliders.each.find(({ input }) => input.getAttribute("aria-label") === symbol)?.input;
  if (!slider) return;
  slider.value = Number(slider.value) + step;
  slider.dispatchEvent(new Event("input"));
}

const strengthBy = (step) => move(axes[methods[method].axis].symbol, step);
const KEYS = {
  ArrowLeft: () => strengthBy(-1),
  ArrowRight: () => strengthBy(1),
  ArrowUp: () => move("seed", -1),
  ArrowDown: () => move("seed", 1),
  f: () => flicker(),
  m: nextMethod,
  n: () => toPair(1),
  p: () => toPair(-1),
  " ": flip,
};

box.addEventListener("keydown", (event) => {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const own = event.target.matches("input") ? key.startsWith("Arrow") : key === " " && event.target.matches("button");
  if (!KEYS[key] || own || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  KEYS[key]();
});
box.addEventListener("click", (event) => { if (event.target === box) box.close(); }); // beside the picture
box.addEventListener("close", () => {
  flicker(false);
  again();
  const card = cards.find(({ pair }) => pair === large);
  if (document.activeElement.matches("input, select")) return; // this event comes late: the reader may be at the search
  card?.element.querySelectorAll(".large")[1 + method].focus();
});
by("flip").addEventListener("click", flip);
by("flicker").addEventListener("click", () => flicker());
by("method")?.addEventListener("click", nextMethod);
by("before").addEventListener("click", () => toPair(-1));
by("after").addEventListener("click", () => toPair(1));
by("close").addEventListener("click", () => box.close());

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || box.open || event.target.matches("input, select")) return;
  event.preventDefault();
  by("search").focus();
});

filter();
