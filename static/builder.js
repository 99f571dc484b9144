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
const textFields = (rest) => [...rest.querySelectorAll(".rule-value :is(input:not([type=hidden]), textarea)")];
const lines = (text) => (text ?? "").replaceAll("\r\n", "\n"); // forms send line breaks in another way than fields have them
let before = null;
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!detail.target.matches(".rule-rest")) return;
  const sent = detail.requestConfig.parameters;
  before = {
    focused: detail.target.contains(document.activeElement),
    typed: textFields(detail.target).filter(({ name, value }) => lines(value) !== lines(sent[name])),
  };
});
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (!detail.target.matches(".rule-rest")) return;
  for (const { name, value, selectionStart, selectionEnd } of before.typed) {
    const field = textFields(detail.target).find((field) => field.name === name);
    if (!field) continue;
    field.value = value;
    if (["text", "textarea"].includes(field.type) && selectionStart !== null) field.setSelectionRange(selectionStart, selectionEnd);
  }
  const row = detail.target.closest(".rule");
  const name = row.querySelector("[role=combobox]").value;
  row.setAttribute("aria-label", `Rule: ${name}`);
  row.querySelector("[data-remove]").setAttribute("aria-label", `Remove rule: ${name}`);
  if (before.focused && !detail.target.contains(document.activeElement)) detail.target.querySelector("select").focus();
});

// Rows that are on their way, by their request. A row is back only when its new fields answer: after htmx settled them,
// which the selects ask to be done at once, or what is pressed in between would be lost.
const underway = new Map();
const rowsUnderway = () => [...underway.values()].filter((row) => row.isConnected);
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.target.matches(".rule-rest")) underway.set(detail.xhr, detail.target.closest(".rule"));
});
document.addEventListener("htmx:afterSettle", ({ detail }) => {
  const row = underway.get(detail.xhr);
  if (!row) return;
  underway.delete(detail.xhr);
  if (word.row === row) choose();
  sendWhatWaits();
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.successful) underway.delete(detail.xhr);
});

// A comparison is chosen by typing how it begins, as in any list, but also while its row is on its way: then the browser
// would search the comparisons of the trait before, choose one of those, and forget the word when the new ones come. Here
// the word waits for them.
const WORD_ENDS_MS = 1000; // after its last key
const NO_WORD = { row: null, text: "", chosen: 0, at: 0 };
let word = NO_WORD;
rules.addEventListener("keydown", (event) => {
  const select = event.target;
  if (!select.matches(".rule-operator") || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (CSS.supports("selector(:open)") && select.matches(":open")) return; // the browser searches what it shows
  const row = select.closest(".rule");
  if ([...event.key].length > 1) {
    // Arrows and their like choose in another way; Tab and Shift only go on.
    if (word.row === row && !["Tab", "Shift", "Enter"].includes(event.key)) word = NO_WORD;
    return;
  }
  const goesOn = word.row === row && Date.now() - word.at < WORD_ENDS_MS;
  if (event.key === " " && !goesOn) return; // opens the list
  event.preventDefault();
  word = { ...(goesOn ? word : NO_WORD), row, at: Date.now() };
  word.text += event.key.toLowerCase();
  choose();
});

// One letter, alone or again and again, goes on to the next comparison that begins with it; a longer word to the first that
// begins with it, whichever was chosen before.
function choose() {
  if (word.chosen === word.text.length || rowsUnderway().includes(word.row)) return;
  const isOneLetter = new Set(word.text).size === 1;
  const steps = word.text.length - word.chosen;
  word.chosen = word.text.length;
  const select = word.row.querySelector(".rule-operator");
  const found = [...select.options].filter((option) => option.text.toLowerCase().startsWith(isOneLetter ? word.text[0] : word.text));
  const passed = found.filter((option) => option.index <= select.selectedIndex).length;
  const option = found[isOneLetter ? (passed + steps - 1) % found.length : 0];
  if (!option || option.selected) return;
  option.selected = true;
  for (const type of ["input", "change"]) select.dispatchEvent(new Event(type, { bubbles: true }));
}

// Who saves while a row is on its way means what they have chosen and typed: the form waits for the row.
const form = document.getElementById("builder");
let waiting = null;
form.addEventListener("submit", (event) => {
  if (!rowsUnderway().length) return;
  event.preventDefault();
  waiting = event.submitter;
});
function sendWhatWaits() {
  if (!waiting || rowsUnderway().length) return;
  const button = waiting;
  waiting = null;
  form.requestSubmit(button);
}
// A row that fails is said to have failed, and who tries again decides anew.
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, () => { waiting = null; });
}

// The preview brings the errors of the rows with it; their fields say so too.
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target.id !== "audience") return;
  for (const error of rules.querySelectorAll(".error")) {
    for (const field of error.closest(".rule").querySelectorAll(".rule-value .field")) {
      if (error.textContent.trim()) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
  }
});

// After a save that was refused, begin where something is to be mended.
document.querySelector("#builder :is(input, textarea, select:not([hidden]))[aria-invalid=true]")?.focus();
