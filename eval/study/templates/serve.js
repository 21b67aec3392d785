"use strict";
(() => { // After every screen all answers so far are sent: what did not arrive comes with the next, or with the button.
  const form = document.getElementById("mturk_form");
  const send = async () => {
    const answer = await fetch(`${form.getAttribute("action")}/answers`, {
      method: "POST", body: new URLSearchParams(new FormData(form)), keepalive: true,
    });
    if (answer.status === 410) location.reload(); // says why
  };
  for (const next of form.querySelectorAll(".next")) next.addEventListener("click", () => send().catch(() => {}));
})();
