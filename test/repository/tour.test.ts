import { readFileSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { tempFolder } from "../support/folder.ts";
import { isAsShown, tourShell, tourSteps, type TourShell, type TourStep } from "../support/tour.ts";
import { eventually } from "../support/eventually.ts";

/**
 * What only looks may be asked again: a person would, until the agent has come so far. So may `up`: it refuses while the
 * killed daemon is still a process, which ends only when its parent has noticed.
 */
const AGAIN = /^ao (?:ls|show|logs|actor|why|intake|dead ls|pr ls|up)\b/;

it("does what the README says, command by command", { timeout: 120_000 }, async () => {
  const section = /^## A five-minute tour\n(.*?)^## /ms.exec(readFileSync("README.md", "utf8"));
  const steps = tourSteps(section?.[1] ?? "");
  const shell = startTour();
  // oxlint-disable-next-line no-await-in-loop -- one after the other, as a person would
  for (const step of steps) await take(shell, step);
  expect(steps.length).toBeGreaterThan(25);
  expect(steps.at(-1)?.command).toBe("ao down");
});

/** A shell in which git knows nobody, and where all that is made goes with the test. */
function startTour(): TourShell {
  const shell = tourShell({
    cwd: process.cwd(),
    env: {
      ...process.env,
      TMPDIR: tempFolder(),
      AO_NO_INSTALL: "1",
      AO_HOME: undefined,
      AO_NATS_URL: undefined,
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_CONFIG_SYSTEM: "/dev/null",
    },
  });
  onTestFinished(async () => {
    await shell.run('ao down; tmux -S "$AO_HOME/tmux.sock" kill-server 2> /dev/null');
    await shell.close();
  });
  return shell;
}

async function take(shell: TourShell, { command, shown }: TourStep): Promise<void> {
  const look = async (): Promise<void> => {
    const { printed, remarks, code } = await shell.run(command);
    const isGood = code === 0 && isAsShown(printed, shown);
    const seen = [`$ ${command}`, printed, `${remarks}(exit code ${code}) but shown is`, ...shown];
    expect(isGood ? "as shown" : seen.join("\n")).toBe("as shown");
  };
  if (AGAIN.test(command)) await eventually(look);
  else await look();
}
