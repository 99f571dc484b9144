// A hint's button sends the builder, and its rows come back mended. Then the focus goes on to the row that the hint was
// about, what was done is said, and the audience is counted anew.

const said = document.getElementById("hint-status");

document.addEventListener("htmx:afterSettle", ({ detail }) => {
  const button = detail.requestConfig.elt;
  if (!button.matches("[data-hint-row]")) return;
  document.body.dispatchEvent(new CustomEvent("rules-changed"));
  const row = document.getElementById(`rule-${button.dataset.hintRow}`);
  const field = row?.querySelector(".rule-value :is(input:not([type=hidden]), textarea:not([hidden]), select:not([hidden]))") ?? row?.querySelector(".rule-operator");
  (field ?? document.getElementById("add-rule")).focus();
  said.textContent = `${button.textContent}: done.`;
});
