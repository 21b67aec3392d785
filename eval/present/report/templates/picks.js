"use strict";
(() => {
  const { run, scope } = document.body.dataset;
  const place = `imagic-bench picks ${run} ${scope}`; // in localStorage
  const by = (id) => document.getElementById(id);
  const sections = [...document.querySelectorAll(".pair")];
  const byPair = new Map(sections.map((section) => [section.dataset.pair, section]));
  const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  const digits = (text) => String(Number(Number(text).toPrecision(6))); // 0.7 and 0.70 are one strength

  const images = (section) => [...section.querySelectorAll(".image")];
  const picked = (section) => section.querySelector(".image[aria-checked=true]");
  const at = (section, row, column) => section.querySelector(`.image[data-row="${row}"][data-column="${column}"]`);
  const named = (section, strength, seed) =>
    images(section).find((i) => digits(i.dataset.strength) === digits(strength) && digits(i.dataset.seed) === digits(seed));

  function say(text, bad = false) {
    by("status").textContent = text;
    by("status").classList.toggle("bad", bad);
  }

  // --- one pair's card

  function look(section, image) {
    const large = section.querySelector(".large");
    const shown = image || picked(section);
    const picture = large.querySelector("img");
    picture.hidden = !shown;
    if (shown) picture.src = shown.querySelector("img").src;
    const isPick = shown && shown === picked(section);
    large.classList.toggle("picked", Boolean(isPick));
    large.querySelector("figcaption").textContent = shown ? shown.getAttribute("aria-label") + (isPick ? " ✓" : "") : "no pick yet";
  }

  function set(section, image) {
    for (const each of images(section)) each.setAttribute("aria-checked", String(each === image));
    section.classList.toggle("done", Boolean(image));
    rove(section, image || images(section)[0]);
    look(section, image);
  }

  function rove(section, image) { // the card's one stop for Tab
    for (const each of images(section)) each.tabIndex = each === image ? 0 : -1;
  }

  // --- all picks

  function rows() {
    return sections.filter(picked).map((section) => {
      const { strength, seed } = picked(section).dataset;
      return [section.dataset.pair, strength, seed];
    });
  }

  function changed() {
    const count = rows().length;
    by("count").textContent = `${count} of ${sections.length}`;
    by("progress").value = count;
    by("next").disabled = count === sections.length;
    try {
      localStorage.setItem(place, JSON.stringify(rows()));
    } catch {
      say("This browser keeps nothing for this page: download picks.csv before you close it.", true);
    }
  }

  function pick(image, again = null) {
    const section = image.closest(".pair");
    say("");
    set(section, picked(section) === image ? again : image);
    changed();
  }

  function take(list) { // what of a list is on this page; returns what is not
    const strange = [];
    for (const [pair, strength, seed] of list) {
      const section = byPair.get(pair);
      const image = section && named(section, strength, seed);
      if (image) set(section, image);
      else strange.push(`${pair} ${strength}, seed ${seed}`);
    }
    return strange;
  }

  // --- moving about

  function go(image, toSection) {
    const section = image.closest(".pair");
    rove(section, image);
    image.focus({ preventScroll: true });
    if (toSection) section.scrollIntoView({ block: "nearest" });
    image.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  function nearest(section, row, column) {
    const inRow = images(section).filter((image) => Number(image.dataset.row) === row);
    const far = (image) => Math.abs(Number(image.dataset.column) - column);
    return inRow.reduce((best, image) => (far(image) < far(best) ? image : best), inRow[0]);
  }

  function step(image, down, right) {
    const section = image.closest(".pair");
    const row = Number(image.dataset.row);
    const column = Number(image.dataset.column);
    if (right) {
      const beside = images(section).filter(
        (other) => Number(other.dataset.row) === row && (Number(other.dataset.column) - column) * right > 0,
      );
      if (beside.length) go(right > 0 ? beside[0] : beside[beside.length - 1], false);
      return;
    }
    const here = nearest(section, row + down, column);
    if (here) return void go(here, false);
    const other = sections[sections.indexOf(section) + down];
    if (!other) return;
    const last = Math.max(...images(other).map((each) => Number(each.dataset.row)));
    go(nearest(other, down > 0 ? 0 : last, column), true);
  }

  function next(after) {
    const start = after ? sections.indexOf(after) + 1 : 0;
    const open = [...sections.slice(start), ...sections.slice(0, start)].find((section) => !picked(section));
    if (open) go(images(open).find((image) => image.tabIndex === 0), true);
    else say("All pairs are picked: download picks.csv.");
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const ways = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const image = event.target.closest(".image");
    if (image && ways[event.key]) {
      event.preventDefault();
      step(image, ...ways[event.key]);
    } else if (image && event.key === "Enter") { // Space is the button's own click
      event.preventDefault();
      pick(image, image);
      next(image.closest(".pair"));
    } else if (event.target === document.body && ways[event.key]) {
      event.preventDefault();
      next();
    }
  });

  // --- files

  function cells(text) { // CSV: quotes, commas, either end of line
    const table = [[""]];
    let quoted = false;
    for (const [, mark] of text.replace(/^\uFEFF/, "").matchAll(/(""|"|,|\r?\n|[^",\r\n]+|\r)/g)) {
      const row = table[table.length - 1];
      if (quoted) {
        if (mark === '"') quoted = false;
        else row[row.length - 1] += mark === '""' ? '"' : mark;
      } else if (mark === '"') quoted = true;
      else if (mark === ",") row.push("");
      else if (/^\r?\n$/.test(mark)) table.push([""]);
      else if (mark !== '""') row[row.length - 1] += mark;
    }
    return table.filter((row) => row.some((cell) => cell.trim()));
  }

  function read(text) {
    const [header = [], ...lines] = cells(text);
    const column = (name) => header.findIndex((cell) => cell.trim() === name);
    const wanted = ["pair_id", "strength", "seed"].map(column);
    if (wanted.includes(-1)) return say("This file has no columns pair_id, strength and seed: it is no picks.csv.", true);
    const other = lines.map((line) => line[column("run")]).find((name) => name && name.trim() !== run);
    if (other) return say(`These picks are of the run ${other}, and this page is of ${run}. Nothing was loaded.`, true);
    const list = lines.map((line) => wanted.map((n) => (line[n] || "").trim())).filter(([, strength, seed]) => strength && seed);
    const strange = take(list);
    changed();
    const first = strange.length ? ` Not on this page: ${strange[0]}${strange.length > 1 ? `, and ${strange.length - 1} more` : ""}.` : "";
    say(`${counted(list.length - strange.length, "pick")} loaded.${first}`, strange.length > 0);
  }

  by("load").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (file) read(await file.text());
    event.target.value = ""; // the same file can be loaded again
  });

  by("download").addEventListener("click", () => {
    const quote = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
    const lines = [["pair_id", "strength", "seed", "run"], ...rows().map((row) => [...row, run])];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.map((line) => line.map(quote).join(",") + "\n").join("")], { type: "text/csv" }));
    link.download = "picks.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    const open = sections.length - rows().length;
    say(open ? `Downloaded; ${counted(open, "pair")} still open.` : "Downloaded, all pairs picked.");
  });

  by("next").addEventListener("click", () => next(document.activeElement.closest(".pair")));
  by("clear").addEventListener("click", () => {
    const count = rows().length;
    if (!count || !confirm(`Take back ${counted(count, "pick")}?`)) return;
    for (const section of sections) set(section, null);
    changed();
    say("All picks are taken back.");
  });

  for (const section of sections) {
    set(section, null);
    for (const image of images(section)) {
      image.addEventListener("click", () => pick(image));
      image.addEventListener("focus", () => { rove(section, image); look(section, image); });
      image.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") look(section, image); });
    }
    section.addEventListener("pointerleave", () => look(section, section.contains(document.activeElement) ? document.activeElement.closest(".image") : null));
    section.addEventListener("focusout", (event) => { if (!section.contains(event.relatedTarget)) look(section, null); });
  }
  try {
    take(JSON.parse(localStorage.getItem(place) || "[]"));
  } catch {} // nothing kept, or not by this page
  changed();
})();
