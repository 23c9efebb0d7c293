import { existsSync } from "node:fs";
import { execa } from "execa";

/** Every file of the checkout that is, or would be, in the repository: paths from its root. */
export async function repositoryFiles(): Promise<string[]> {
  const { stdout } = await execa("git", ["ls-files", "-co", "--exclude-standard", "-z"]);
  // One that was removed but not committed is still listed.
  return stdout.split("\0").filter((file) => file !== "" && existsSync(file));
}
