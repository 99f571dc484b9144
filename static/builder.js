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

// A row that comes back for a new trait or operator brings its value as it was when it was asked for. Whoever typed on
// meanwhile keeps what they typed.
let typed = null;
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const field = detail.target.closest(".rule")?.querySelector("input[name^=value-]");
  typed = field && field.value !== (detail.requestConfig.parameters[field.name] ?? "") ? field : null;
});
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.requestConfig.elt === addButton) {
    addButton.disabled = rules.children.length >= limit;
    rules.lastElementChild.querySelector("[role=combobox]").focus();
  } else if (typed) {
    const field = document.getElementById(typed.id);
    if (field?.type === typed.type) field.value = typed.value;
    typed = null;
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
