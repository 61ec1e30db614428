// On a device that others use too: when the page is left, what was written goes with it, so that going back finds
// nothing, whatever the browser keeps.
addEventListener("pagehide", () => {
  for (const form of document.forms) form.remove();
});
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload();
});
