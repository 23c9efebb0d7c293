import { lazy, Suspense, useEffect, useMemo, useState, type ReactNode } from "react";
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

// Loaded when one is looked at: the chart is most of what there is to load.
const ActorPage = lazy(async () =>
  import("./pages/actor.tsx").then((page) => ({ default: page.ActorPage })),
);
const TerminalsPage = lazy(async () =>
  import("./pages/terminals.tsx").then((page) => ({ default: page.TerminalsPage })),
);
const MachinesPage = lazy(async () =>
  import("./pages/machines.tsx").then((page) => ({ default: page.MachinesPage })),
);
const CausesPage = lazy(async () =>
  import("./pages/causes.tsx").then((page) => ({ default: page.CausesPage })),
);
const SupervisionPage = lazy(async () =>
  import("./pages/supervision.tsx").then((page) => ({ default: page.SupervisionPage })),
);
const HealthPage = lazy(async () =>
  import("./pages/health.tsx").then((page) => ({ default: page.HealthPage })),
);

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
  useKeys(
    useMemo(
      () => [
        { keys: "?", what: "Show what the keys do", run: () => showKeys((is) => !is) },
        { keys: "g b", what: "Go to the board", run: () => go("/") },
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
        <Suspense fallback={<Notice title="Loading …" />}>
          <Page route={route} />
        </Suspense>
      </Failing>
      <KeyList isOpen={areKeysShown} onClose={() => showKeys(false)} />
    </Shell>
  );
}

function Page({ route }: { readonly route: Route }): ReactNode {
  const [first = ""] = route.parts;
  if (first === "") return <Board route={route} />;
  if (first === "machines") return <MachinesPage route={route} />;
  if (first === "causes") return <CausesPage route={route} />;
  if (first === "supervision") return <SupervisionPage />;
  if (first === "health") return <HealthPage />;
  if (first === "terminals") return <TerminalsPage route={route} />;
  if (first === "actors" && route.parts.length === 3) return <ActorPage route={route} />;
  return (
    <Notice title="There is no such page">
      <p>
        Nothing is at <code>{route.path}</code>. <a href="/">To the board</a>
      </p>
    </Notice>
  );
}
