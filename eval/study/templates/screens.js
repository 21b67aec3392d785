"use strict";
(() => {
  const root = document.getElementById("study");
  const form = root.closest("form");
  const screens = [...root.querySelectorAll(".screen")];
  const done = root.querySelector(".done");
  const start = document.getElementById("start");
  let now = -1; // place of the screen that is shown; -1 before the first
  let clock = 0; // when its pictures were there to be seen

  const radios = (screen) => [...screen.querySelectorAll("input[type=radio]")];
  const answered = (screen) => radios(screen).some((radio) => radio.checked);

  // All three pictures whole and decoded: they appear at once, and only then does time count.
  const decode = (screen) => Promise.all([...screen.querySelectorAll("img")].map((image) => {
    image.loading = "eager";
    return image.decode();
  }));

  const show = async (screen) => {
    const [loading, failed] = [".loading", ".failed"].map((name) => screen.querySelector(name));
    for (const radio of radios(screen)) radio.disabled = !(radio.checked = false); // a reload may have kept one
    screen.classList.add("waiting");
    failed.hidden = true;
    loading.hidden = false;
    try {
      await decode(screen);
    } catch {
      loading.hidden = true;
      failed.hidden = false;
      return;
    }
    loading.hidden = true;
    screen.classList.remove("waiting");
    requestAnimationFrame(() => requestAnimationFrame(() => { // the second comes when the first was painted
      clock = performance.now();
      for (const radio of radios(screen)) radio.disabled = false;
      const following = screens[now + 1];
      if (following) decode(following).catch(() => {}); // said when its turn comes
    }));
  };

  const go = () => {
    root.querySelector(".now")?.classList.remove("now");
    now += 1;
    window.scrollTo(0, root.getBoundingClientRect().top + window.scrollY);
    if (now === screens.length) {
      done.classList.add("now");
      form?.classList.remove("study-hold");
      form?.querySelector("[type=submit]")?.focus();
      return;
    }
    screens[now].classList.add("now");
    screens[now].querySelector(".text").focus({ preventScroll: true });
    show(screens[now]);
  };

  const choose = (screen, radio) => {
    if (radio.disabled) return;
    radio.checked = true;
    screen.querySelector("[name^=ms_]").value = Math.round(performance.now() - clock);
    screen.querySelector(".next").disabled = false;
  };

  for (const screen of screens) {
    for (const radio of radios(screen)) radio.addEventListener("change", () => choose(screen, radio));
    screen.querySelector(".next").addEventListener("click", () => answered(screen) && go());
    screen.querySelector(".again").addEventListener("click", () => {
      for (const image of screen.querySelectorAll("img")) image.src = image.src; // asks for it anew
      show(screen);
    });
  }

  document.addEventListener("keydown", (event) => {
    const screen = screens[now];
    if (!screen || event.ctrlKey || event.metaKey || event.altKey) return;
    const value = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "tie" }[event.key];
    const radio = value && radios(screen).find((each) => each.value === value);
    if (!radio && (event.key !== "Enter" || event.target.closest?.("button"))) return;
    event.preventDefault(); // no scrolling, and no sending with the key that ended the last screen
    if (radio) choose(screen, radio);
    else screen.querySelector(".next").click();
  });

  root.classList.add("scripted");
  form?.classList.add("study-hold");
  start.hidden = false;
  start.addEventListener("click", () => { root.querySelector(".intro").hidden = true; go(); });
})();
