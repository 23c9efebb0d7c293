// Loaded into a daemon before all else, it makes it have a bug when it is told to.
// node --import faulty.ts, then SIGUSR2.

process.on("SIGUSR2", () => {
  if (process.env["FAULT"] === "thrown") throw new Error("a bug");
  void Promise.reject(new Error("a bug"));
});
