// The rule builder. The server renders every row and every count; this only removes rows and keeps focus where it belongs.

const rules = document.getElementById("rules");
const addButton = document.getElementById("add-rule");
const limit = Number(rules.dataset.limit);

function changed() {
  addButton.disabled = rules.children.length >= limit;
  document.body.dispatchEvent(new CustomEvent("rules-changed"));
}

rules.addEventListener("click", (event) => {
  const button = event.target.closest("[data-remove]");
  if (!button) return;
  event.preventDefault();
  const row = button.closest(".rule");
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  (next?.querySelector("[data-remove]") ?? addButton).focus();
  changed();
});

// A new row is there to be filled in.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.requestConfig.elt === addButton) {
    addButton.disabled = rules.children.length >= limit;
    rules.lastElementChild.querySelector("select").focus();
  }
});

// The preview brings the errors of the rows; the fields say so too.
document.addEventListener("htmx:oobAfterSwap", (event) => {
  const row = event.target.closest?.(".rule");
  const field = row?.querySelector("[name^=value-]");
  if (!field) return;
  if (event.target.textContent.trim()) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
});
