// Own addresses
//
// How pull requests and branches are named that no forge outside has given an address: `ao://<project>/pull/<number>`,
// `ao://<project>/branch/<name>`.

const PULL = /^ao:\/\/([^/]+)\/pull\//;

/** The address of a pull request of the local forge. */
export function pullUrl(projectId: string, number: number): string {
  return `ao://${projectId}/pull/${number}`;
}

/** The project whose local forge keeps the pull request of this address; undefined when it is kept elsewhere. */
export function pullProject(url: string): string | undefined {
  return PULL.exec(url)?.[1];
}

/** How a branch without a pull request is named where one would have its address. */
export function branchUrl(projectId: string, branch: string | null): string {
  return `ao://${projectId}/branch/${branch ?? ""}`;
}
