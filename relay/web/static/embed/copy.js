// Beside each text to paste: a button that copies it. Without a script the text can be selected.
for (const button of document.querySelectorAll(".copy")) {
  const label = button.firstChild;
  const words = label.data;
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.closest(".paste").querySelector("code").textContent);
    label.data = button.dataset.done;
    button.addEventListener("blur", () => (label.data = words), { once: true });
  });
}
