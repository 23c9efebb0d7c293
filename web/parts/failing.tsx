import { Component, type ReactNode } from "react";
import { Notice } from "./notice.tsx";

interface Props {
  readonly children: ReactNode;
}

/** Says in words that a page broke; the rest of the shell goes on. */
export class Failing extends Component<Props, { error: Error | undefined }> {
  override state: { error: Error | undefined } = { error: undefined };

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <Notice title="This page broke" tone="bad" isWhole>
        <p>{error.message}</p>
        <p>
          <button type="button" onClick={() => location.reload()}>
            Load it again
          </button>
        </p>
      </Notice>
    );
  }
}
