import type { ReactNode } from "react";
import type { Route } from "../model/route.ts";
import { turnTheme, useTheme } from "../model/theme.ts";

const PAGES = [
  { href: "/", name: "Board" },
  { href: "/pulls", name: "Pulls" },
  { href: "/terminals", name: "Terminals" },
  { href: "/machines", name: "Machines" },
  { href: "/supervision", name: "Supervision" },
  { href: "/health", name: "Health" },
] as const;

/** What stands around every page. */
export function Shell({
  route,
  onKeys,
  children,
}: {
  readonly route: Route;
  readonly onKeys: () => void;
  readonly children: ReactNode;
}): ReactNode {
  const theme = useTheme();
  return (
    <>
      <a className="skip" href="#main">
        To the content
      </a>
      <header className="masthead">
        <a className="brand" href="/" aria-label="ao, to the board">
          <img src="/icon.svg" alt="" width="20" height="20" />
          ao
        </a>
        <nav className="pages" aria-label="Pages">
          {PAGES.map(({ href, name }) => (
            <a key={href} href={href} aria-current={isAt(route, href) ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <button type="button" className="plain" onClick={turnTheme} title={`Theme: ${theme} (T)`}>
          <span aria-hidden="true">{THEME_SIGNS[theme]}</span>
          <span className="hidden">Theme: {theme}</span>
        </button>
        <button type="button" className="plain" onClick={onKeys} title="Keys (?)">
          <span aria-hidden="true">?</span>
          <span className="hidden">Keys</span>
        </button>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

const THEME_SIGNS = { system: "◐", light: "☀", dark: "☾" } as const;

function isAt({ path }: Route, href: string): boolean {
  return href === "/" ? path === "/" : path === href || path.startsWith(`${href}/`);
}
