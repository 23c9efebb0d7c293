// The command line. What agents call in their hooks takes the short way: no tree of commands is loaded for it.

// `ao ls | head` has seen enough: no error. A full disk behind `>` is one.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  process.stderr.write(`ao: the answer could not be written: ${error.message}\n`);
  process.exit(1);
});

const [name, first, second, ...rest] = process.argv.slice(2);
const isPlain = [first, second].every((word) => word !== undefined && !word.startsWith("-"));

if (name === "hook" && isPlain && rest.length === 0) {
  const { runHook } = await import("./commands/hook.ts");
  process.exitCode = runHook(first ?? "", second ?? "");
} else {
  const [{ runProgram }, { versionOf }] = await Promise.all([
    import("./tree/program.ts"),
    import("./version.ts"),
  ]);
  await runProgram(process.argv.slice(2), versionOf());
}
