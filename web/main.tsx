import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App, loadPage } from "./app.tsx";
import { signInByLink } from "./model/client.ts";
import { listenToKeys } from "./model/keys.ts";
import { followLinks, prepareBy } from "./model/route.ts";
import { applyTheme } from "./model/theme.ts";
import "./style/base.css";
import "./style/shell.css";
import "./style/board.css";

applyTheme();
const isReady = prepareBy(loadPage);
followLinks();
listenToKeys();
const refusal = await signInByLink().then(
  () => undefined,
  (error: unknown) => (error instanceof Error ? error.message : String(error)),
);
await isReady;
const root = document.querySelector("#root");
if (root === null) throw new Error("the shell has no #root");
createRoot(root).render(
  <StrictMode>
    <App refusal={refusal} />
  </StrictMode>,
);
