// Fields that belong to a choice are shown while it is made, so that a form asks for no more than it needs:
//
//   <select name="kind"> … <div data-when="kind" data-is="wait say"> … </div>
//
// Without data-is, any choice but the empty one will do. Without this script every field is there.

for (const form of document.querySelectorAll("form")) {
  const parts = form.querySelectorAll("[data-when]");

  function show() {
    for (const part of parts) {
      const chosen = form.elements[part.dataset.when].value;
      part.hidden = part.dataset.is ? !part.dataset.is.split(" ").includes(chosen) : chosen === "";
      // A whole group that nobody sees is not sent either.
      if (part.localName === "fieldset") part.disabled = part.hidden;
    }
  }

  form.addEventListener("change", show);
  show();
}
