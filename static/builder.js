// The rule builder. The server renders every field and every count; this adds and removes rows, and keeps what is typed and
// where the focus is.

const rules = document.getElementById("rules");
const addButton = document.getElementById("add-rule");
const newRule = document.getElementById("new-rule");
const limit = Number(rules.dataset.limit);

function changed() {
  addButton.disabled = rules.children.length >= limit;
  document.body.dispatchEvent(new CustomEvent("rules-changed"));
}

addButton.addEventListener("click", (event) => {
  event.preventDefault();
  const id = crypto.getRandomValues(new Uint32Array(1))[0].toString(16).padStart(8, "0");
  rules.insertAdjacentHTML("beforeend", newRule.innerHTML.replaceAll(newRule.dataset.id, id));
  htmx.process(rules.lastElementChild);
  rules.lastElementChild.querySelector("[role=combobox]").focus();
  changed();
});

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

// Operator and value come back for a new trait with the value as it was when they were asked for. Whoever typed on
// meanwhile keeps what they typed, and their place.
let before = null;
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!detail.target.matches(".rule-rest")) return;
  const value = detail.target.querySelector("input[name^=value-]");
  const typed = value && value.value !== (detail.requestConfig.parameters[value.name] ?? "");
  before = {
    focused: detail.target.contains(document.activeElement),
    value: typed ? value.value : null,
    caret: typed ? [value.selectionStart, value.selectionEnd] : null,
  };
});
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (!detail.target.matches(".rule-rest")) return;
  const value = detail.target.querySelector("input[name^=value-]");
  if (value && before.value !== null) {
    value.value = before.value;
    if (value.type === "text" && before.caret[0] !== null) value.setSelectionRange(...before.caret);
  }
  const row = detail.target.closest(".rule");
  const name = row.querySelector("[role=combobox]").value;
  row.setAttribute("aria-label", `Rule: ${name}`);
  row.querySelector("[data-remove]").setAttribute("aria-label", `Remove rule: ${name}`);
  if (before.focused && !detail.target.contains(document.activeElement)) detail.target.querySelector("select").focus();
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

// After a save that was refused, begin where something is to be mended.
document.querySelector("#builder :is(input, select:not([hidden]))[aria-invalid=true]")?.focus();
