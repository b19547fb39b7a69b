// Starts Swagger UI with the document that the address asks for, and fills the list of contents beside it.
(function () {
  "use strict";

  const operators = new URLSearchParams(window.location.search).get("api") === "operators";
  const address = operators ? "/openapi-ops.json" : "/openapi.json";
  document.title = operators ? "Anton Operator API" : "Anton API";
  document.getElementById(operators ? "operators" : "merchants").setAttribute("aria-current", "page");
  document.getElementById("download").href = address;

  window.SwaggerUIBundle({
    url: address,
    domNode: document.getElementById("reference"),
    deepLinking: true,
    persistAuthorization: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    validatorUrl: null,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    defaultModelExpandDepth: 4,
    onComplete: listContents,
  });

  // Swagger UI's own button is below the introduction, out of sight.
  document.getElementById("authorize").addEventListener("click", function () {
    const button = document.querySelector("#reference .btn.authorize");
    if (button) button.click();
  });

  // The headings of the introduction and the groups of methods become the contents. They are buttons and not links, because Swagger UI
  // takes every link to "#…" for its own; and as it also replaces elements while it draws, a button finds its target when it is pressed.
  function listContents() {
    const targets = () => document.querySelectorAll("#reference .info .description h2, #reference .opblock-tag");
    const buttons = Array.from(targets(), function (target, i) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = target.matches("h2") ? "guide" : "group";
      button.textContent = target.dataset.tag || target.textContent;
      button.addEventListener("click", () => targets()[i].scrollIntoView());
      return button;
    });
    document.getElementById("contents").replaceChildren(...buttons);
  }
})();
