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
  const changed = field && field.value !== (detail.requestConfig.parameters[field.name] ?? "");
  typed = changed ? { id: field.id, type: field.type, value: field.value, caret: [field.selectionStart, field.selectionEnd] } : null;
});
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.requestConfig.elt === addButton) {
    addButton.disabled = rules.children.length >= limit;
    rules.lastElementChild.querySelector("[role=combobox]").focus();
  } else if (typed) {
    const field = document.getElementById(typed.id);
    if (field?.type === typed.type) {
      field.value = typed.value;
      if (typed.caret[0] !== null) field.setSelectionRange(...typed.caret); // a number field has no caret to ask for
    }
    typed = null;
  }
});

// The preview brings the errors of the rows with it; their fields say so too.
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target.id !== "audience") return;
  for (const error of rules.querySelectorAll(".error")) {
    const field = error.closest(".rule").querySelector("[name^=value-]");
    if (error.textContent.trim()) field?.setAttribute("aria-invalid", "true");
    else field?.removeAttribute("aria-invalid");
  }
});
