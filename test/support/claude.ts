import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

// The real Claude Code, as a person has it; only the model is scripted.

const CLI = join(
  dirname(createRequire(import.meta.url).resolve("@anthropic-ai/claude-code/package.json")),
  "cli.js",
);
const KEY = "sk-ant-fake-0123456789";

/** The agent as a person has set it up: signed in, and asked for nothing any more but trust in new folders. */
export function signedIn(folder: string, url: string): Record<string, string> {
  mkdirSync(folder, { recursive: true });
  const approved = { approved: [KEY.slice(-20)], rejected: [] };
  const config = { hasCompletedOnboarding: true, theme: "dark", customApiKeyResponses: approved };
  writeFileSync(join(folder, ".claude.json"), JSON.stringify(config));
  return {
    HOME: folder,
    CLAUDE_CONFIG_DIR: folder,
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_API_KEY: KEY,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
  };
}

/** How it is run. */
export const CLAUDE = [process.execPath, CLI];
