// The gallery: filters, order, pages, and a card for each pair of the page.
const PAGE = 24;
let found = pairs; // what the filters leave, in order
let page = 0;
let cards = []; // of the page: what shows each anew

// --- what can be sorted and filtered by

const measures = []; // [words, value of a pair's pictures that are shown]
metrics.forEach((metric, n) => {
  const value = (pair, m) => {
    const row = picture(pair, m);
    return row && row[FIRST + n] !== null ? Number(row[FIRST + n]) : undefined;
  };
  methods.forEach((method, m) => {
    const words = methods.length > 1 ? `${metric.short}: ${method.name}` : metric.short;
    measures.push([words, (pair) => value(pair, m)]);
  });
  methods.slice(1).forEach((method, m) => {
    const difference = (pair) => {
      const [first, other] = [value(pair, 0), value(pair, m + 1)];
      return first === undefined || other === undefined ? undefined : first - other;
    };
    measures.push([`${metric.short}: ${methods[0].name} − ${method.name}`, difference]);
  });
});
measures.forEach(([words], n) => by("score").append(make("option", { value: n, text: words })));

const CHECKS = {
  all: () => true,
  whole: (pair) => pair.of.every((of) => !of.why),
  incomplete: (pair) => pair.of.some((of) => of.why),
  chosen: (pair) => pair.of.some((of) => of.chosen !== null),
};

function filter() {
  const words = by("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const category = by("category")?.value;
  const check = CHECKS[by("which").value];
  const measure = measures[by("score").value]?.[1] ?? (() => undefined);
  const [from, to] = ["from", "to"].map((id) => (by(id).value === "" ? null : Number(by(id).value)));
  found = pairs.filter((pair) => {
    pair.words ??= [pair.text, pair.id, pair.image, pair.category, pair.source].join("\n").toLowerCase();
    if (category && pair.category !== category) return false;
    if (!check(pair) || !words.every((word) => pair.words.includes(word))) return false;
    if (from === null && to === null) return true;
    const value = measure(pair);
    return value !== undefined && (from === null || value >= from) && (to === null || value <= to);
  });
  const order = by("order").value;
  if (order === "text") found.sort((a, b) => a.text.localeCompare(b.text));
  else if (order) {
    const sign = order === "up" ? 1 : -1;
    const values = new Map(found.map((pair) => [pair, measure(pair)]));
    found.sort((a, b) => { // what has no score comes last
      const [one, other] = [values.get(a), values.get(b)];
      if (one === undefined || other === undefined) return (one === undefined) - (other === undefined);
      return one === other ? 0 : sign * (one < other ? -1 : 1);
    });
  }
  turn(0);
}

// --- cards

function figure(name) {
  const picture = make("img", { alt: "", loading: "lazy", decoding: "async" });
  const none = make("span", { class: "none", dir: "auto" });
  const button = make("button", { type: "button", class: "large" }, picture, none);
  const heading = make("b", { dir: "auto", text: name });
  const line = make("div");
  const figure = make("figure", {}, button, make("figcaption", {}, heading, line));
  return { figure, button, picture, none, line, caption: figure.lastChild };
}

function put({ picture, none, button }, source, why, alt) {
  picture.hidden = !source;
  none.hidden = Boolean(source);
  none.textContent = source ? "" : why;
  button.setAttribute("aria-label", source ? alt : why);
  if (source && picture.getAttribute("src") !== source) picture.src = source;
}

function card(pair) {
  const about = [pair.image, pair.size, pair.category, pair.source && `input: “${pair.source}”`].filter(Boolean).join(" · ");
  const rowOfFigures = make("div", { class: "figures" });
  const places = make("div", { class: "sliders" });
  const element = make(
    "section", { class: "pair", "data-pair": pair.id },
    make("h3", { dir: "auto", text: pair.text }), make("p", { class: "soft", dir: "auto", text: about }), rowOfFigures, places,
  );
  const still = (name, owner, file) => {
    const made = figure(name);
    const source = owner === null ? "" : address(pair, owner, file);
    put(made, source, `no ${name}`, `${name}: open large`);
    made.button.disabled = !source;
    made.button.addEventListener("click", () => open(pair, 0, file));
    rowOfFigures.append(made.figure);
  };
  still("input", pair.input, "input.png");
  const edits = methods.map((method, m) => {
    const made = figure(method.name);
    made.button.addEventListener("click", () => open(pair, m, "edit"));
    if (pair.of[m].chosen !== null) {
      made.star = make("button", { type: "button", class: "star" });
      made.star.addEventListener("click", () => { showChosen(pair, m); show(); });
      made.caption.append(made.star);
    }
    rowOfFigures.append(made.figure);
    return made;
  });
  if (pair.truth !== null) still("true edit", pair.truth, "truth.png");
  const control = sliders(places, () => [pair], show);
  function show() {
    edits.forEach((edit, m) => {
      const row = picture(pair, m);
      put(edit, row && address(pair, m, row[2]), lacking(pair, m), `${methods[m].name}, ${label(pair, m)}: open large`);
      const shape = row && pair.of[m].shapes?.[pair.of[m].images.indexOf(row)];
      const lines = [label(pair, m), ...(shape ? [shape] : []), ...(row ? scores(row, false) : [])];
      edit.line.replaceChildren(...lines.map((text) => make("div", { text })));
      edit.figure.classList.toggle("chosen", isChosen(pair, m));
      if (edit.star) {
        const [s, k] = pair.of[m].images[pair.of[m].chosen];
        edit.star.textContent = isChosen(pair, m) ? "★ chosen" : `★ ${label(pair, m, { s, k })}`;
      }
    });
    control.show(pair);
  }
  const fetchAll = () => { // so that the slider does not flash
    if (pair.fetched) return;
    pair.fetched = pair.of.flatMap((of, m) => of.images.map((row) => Object.assign(new Image(), { src: address(pair, m, row[2]) })));
  };
  for (const kind of ["pointerenter", "focusin", "pointerdown"]) places.addEventListener(kind, fetchAll);
  show();
  return { element, pair, show };
}

// --- pages

function turn(to, scroll = false) {
  const last = Math.max(0, Math.ceil(found.length / PAGE) - 1);
  page = Math.min(Math.max(to, 0), last);
  for (const { pair } of cards) pair.fetched = null;
  cards = found.slice(page * PAGE, (page + 1) * PAGE).map(card);
  const none = make("p", { class: "empty", text: "No pair fits these filters." });
  by("cards").replaceChildren(...(cards.length ? cards.map(({ element }) => element) : [none]));
  const fits = found.length === pairs.length ? "" : `${found.length} of `;
  by("count").textContent = `${fits}${pairs.length} pair${pairs.length === 1 ? "" : "s"}`;
  for (const pages of document.querySelectorAll(".pages")) {
    pages.hidden = last === 0;
    pages.querySelector(".page").textContent = `${page + 1} of ${last + 1}`;
    pages.querySelector(".previous").disabled = page === 0;
    pages.querySelector(".next").disabled = page === last;
  }
  if (scroll) by("gallery").scrollIntoView();
}

for (const button of document.querySelectorAll(".previous")) button.addEventListener("click", () => turn(page - 1, true));
for (const button of document.querySelectorAll(".next")) button.addEventListener("click", () => turn(page + 1, true));

const again = () => cards.forEach((each) => each.show());
const everywhere = sliders(by("all"), () => pairs, (off) => {
  again();
  if (off && (by("order").value || by("from").value || by("to").value)) filter(); // the scores are others now
});
for (const { input } of everywhere.each) input.setAttribute("aria-label", `${input.getAttribute("aria-label")} of all pairs`);
everywhere.show({ at: start() });

by("chosen")?.addEventListener("click", () => {
  for (const pair of pairs) methods.forEach((_, m) => showChosen(pair, m));
  filter();
});
by("tools").addEventListener("submit", (event) => event.preventDefault());
by("tools").addEventListener("reset", () => setTimeout(() => {
  everywhere.show({ at: start() });
  filter();
}));
for (const id of ["search", "category", "which", "score", "from", "to", "order"]) by(id)?.addEventListener("input", filter);
for (const link of document.querySelectorAll("[data-pair][href]")) {
  link.addEventListener("click", () => {
    by("tools").reset();
    by("search").value = link.dataset.pair;
  });
}
document.documentElement.style.setProperty("--card-width", `${Math.min(1248, Math.max(400, 150 * (methods.length + 2)))}px`);
by("score").closest("label").hidden = by("from").closest("label").hidden = by("to").closest("label").hidden = !measures.length;
