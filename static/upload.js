// The upload of a file of users, with its progress. Without script the browser sends the form by itself.

const form = document.getElementById("upload");
const file = form?.querySelector("[type=file]");
const error = document.getElementById("upload-error");

function refuse(text) {
  error.textContent = text;
  error.hidden = !text;
  file.toggleAttribute("aria-invalid", Boolean(text));
  if (text) file.setAttribute("aria-invalid", "true");
}

file?.addEventListener("change", () => {
  const isTooLarge = file.files[0]?.size > Number(form.dataset.limit);
  form.toggleAttribute("data-too-large", Boolean(isTooLarge));
  refuse(isTooLarge ? "The file is larger than 200 MB. Split it, or have it imported by command." : "");
});

form?.addEventListener("submit", (event) => {
  if (!file.files.length) return; // the server says so at the field
  event.preventDefault();
  if (form.hasAttribute("data-too-large")) return file.focus();
  refuse("");
  const progress = form.querySelector(".upload-progress");
  const button = form.querySelector("button");
  const request = new XMLHttpRequest();
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    progress.querySelector("progress").value = loaded / total;
    progress.querySelector("p").textContent = loaded < total ? `${Math.floor((loaded / total) * 100)} % uploaded` : "Almost done";
  });
  function trouble(text) {
    progress.hidden = true;
    button.disabled = false;
    refuse(text);
    file.focus();
  }
  request.addEventListener("error", () => trouble("The upload broke off. Check your connection, then try again."));
  request.addEventListener("load", () => {
    // The redirect to the import's own page was followed on the way.
    if (request.status === 200) return location.assign(request.responseURL);
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    trouble(page.querySelector("#upload .error:not([id])")?.textContent.trim() || "That didn’t work. Reload the page, then try again.");
  });
  button.disabled = true;
  progress.hidden = false;
  request.open("POST", location.href);
  request.send(new FormData(form));
});
