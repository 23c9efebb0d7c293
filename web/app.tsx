import {
  createElement,
  useEffect,
  useMemo,
  useState,
  type ComponentType,
  type ReactNode,
} from "react";
import { keptToken, onSignedOut } from "./model/client.ts";
import { useKeys } from "./model/keys.ts";
import { go, useRoute, type Route } from "./model/route.ts";
import { turnTheme } from "./model/theme.ts";
import { Board } from "./pages/board.tsx";
import { SignIn } from "./pages/sign-in.tsx";
import { Failing } from "./parts/failing.tsx";
import { KeyList } from "./parts/key-list.tsx";
import { Shell } from "./parts/shell.tsx";
import { Notice } from "./parts/notice.tsx";

type PageOf = ComponentType<{ readonly route: Route }>;

// Loaded when one is looked at: the chart is most of what there is to load.
const LATER: ReadonlyMap<string, () => Promise<PageOf>> = new Map(
  Object.entries({
    actors: async () => import("./pages/actor.tsx").then((page) => page.ActorPage),
    terminals: async () => import("./pages/terminals.tsx").then((page) => page.TerminalsPage),
    machines: async () => import("./pages/machines.tsx").then((page) => page.MachinesPage),
    causes: async () => import("./pages/causes.tsx").then((page) => page.CausesPage),
    pulls: async () => import("./pages/pulls.tsx").then((page) => page.PullsPage),
    supervision: async () => import("./pages/supervision.tsx").then((page) => page.SupervisionPage),
    health: async () => import("./pages/health.tsx").then((page) => page.HealthPage),
  }),
);
/** What is there of these, or why it is not. */
const loaded = new Map<string, PageOf | Error>();

/** Loads what draws the page of a route; undefined when it is there. */
export function loadPage({ parts: [first = ""] }: Route): Promise<void> | undefined {
  const load = LATER.get(first);
  if (load === undefined || typeof loaded.get(first) === "function") return undefined;
  return load().then(
    (page) => void loaded.set(first, page),
    (error: unknown) => void loaded.set(first, new Error(String(error))),
  );
}

/** The pages: which one the address names, or the way in. */
export function App({ refusal }: { readonly refusal: string | undefined }): ReactNode {
  const [isSignedIn, setSignedIn] = useState(keptToken() !== null);
  useEffect(() => onSignedOut(() => setSignedIn(false)), []);
  if (!isSignedIn) return <SignIn refusal={refusal} onSignedIn={() => setSignedIn(true)} />;
  return <Pages />;
}

function Pages(): ReactNode {
  const route = useRoute();
  const [areKeysShown, showKeys] = useState(false);
  useEffect(() => {
    document.title = [...route.parts.slice(-2).toReversed(), "ao"].join(" · ");
  }, [route]);
  useKeys(
    useMemo(
      () => [
        { keys: "?", what: "Show what the keys do", run: () => showKeys((is) => !is) },
        { keys: "g b", what: "Go to the board", run: () => go("/") },
        { keys: "g p", what: "Go to the pull requests", run: () => go("/pulls") },
        { keys: "g m", what: "Go to the statecharts", run: () => go("/machines") },
        { keys: "g s", what: "Go to the supervision", run: () => go("/supervision") },
        { keys: "g h", what: "Go to the health", run: () => go("/health") },
        { keys: "g t", what: "Go to the terminals", run: () => go("/terminals") },
        { keys: "T", what: "Turn between light, dark and the system's choice", run: turnTheme },
      ],
      [],
    ),
  );
  return (
    <Shell route={route} onKeys={() => showKeys(true)}>
      <Failing key={route.path}>
        <Page route={route} />
      </Failing>
      <KeyList isOpen={areKeysShown} onClose={() => showKeys(false)} />
    </Shell>
  );
}

function Page({ route }: { readonly route: Route }): ReactNode {
  const [first = ""] = route.parts;
  if (first === "") return <Board route={route} />;
  const page = loaded.get(first);
  if (page instanceof Error) throw page;
  if (page !== undefined && (first !== "actors" || route.parts.length === 3)) {
    return createElement(page, { route });
  }
  return (
    <Notice title="There is no such page" isWhole>
      <p>
        Nothing is at <code>{route.path}</code>.
      </p>
      <p>
        <a href="/">The board</a> leads to everything that goes on; an actor is at{" "}
        <code>/actors/kind/id</code>.
      </p>
    </Notice>
  );
}
