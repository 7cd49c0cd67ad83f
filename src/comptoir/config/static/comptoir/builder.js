// The count of a segment follows the writing: the form's own expression is asked a moment after the last key.
//
//   <form data-count="ADDRESS"> … <textarea name="expression"> … <div id="counted"></div></form>
//
// Without this script the button "Count" does the same.

const PAUSE_MILLISECONDS = 400;

for (const form of document.querySelectorAll("form[data-count]")) {
  const counted = form.querySelector("#counted");
  let waiting = 0;
  let asked = 0;

  async function ask() {
    const mine = ++asked;
    const answer = await fetch(form.dataset.count, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    // What was asked since has the word.
    if (answer.ok && mine === asked) {
      const told = new DOMParser().parseFromString(await answer.text(), "text/html");
      counted.replaceChildren(...told.body.childNodes);
    }
  }

  form.elements.expression.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, PAUSE_MILLISECONDS);
  });
}
