import { useRef, type KeyboardEvent, type ReactNode } from "react";

export interface Tab {
  readonly id: string;
  readonly name: string;
  readonly draw: () => ReactNode;
}

/** Panels of which one is shown; on the tabs themselves arrows go from one to the next, every other key is the page's. */
export function Tabs({
  tabs,
  chosen,
  onChoose,
}: {
  readonly tabs: readonly Tab[];
  readonly chosen: string;
  readonly onChoose: (id: string) => void;
}): ReactNode {
  const list = useRef<HTMLDivElement>(null);
  const at = Math.max(
    0,
    tabs.findIndex(({ id }) => id === chosen),
  );
  const current = tabs[at];
  const move = (event: KeyboardEvent): void => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const to = tabs[(at + by + tabs.length) % tabs.length];
    if (by === 0 || to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    onChoose(to.id);
    list.current?.querySelector<HTMLElement>(`[data-tab="${to.id}"]`)?.focus();
  };
  return (
    <>
      <div ref={list} className="tabs" role="tablist" onKeyDown={move}>
        {tabs.map(({ id, name }) => (
          <button
            key={id}
            type="button"
            role="tab"
            id={`tab-${id}`}
            data-tab={id}
            aria-selected={id === current?.id}
            aria-controls="tab-panel"
            tabIndex={id === current?.id ? 0 : -1}
            onClick={() => onChoose(id)}
          >
            {name}
          </button>
        ))}
      </div>
      <div
        className="tab-panel"
        id="tab-panel"
        role="tabpanel"
        aria-labelledby={`tab-${current?.id}`}
        tabIndex={0}
        data-scrolls
      >
        {current?.draw()}
      </div>
    </>
  );
}
