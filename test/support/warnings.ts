// A warning of Node in a test is a mistake in the test or in what it tests: thrown here it fails the run. One listener,
// however many files share a process.
process.removeAllListeners("warning");
process.on("warning", (warning) => {
  throw warning;
});
