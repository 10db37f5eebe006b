/** Ansible as an operator runs it, with the collection of this repository. */

import { cprctlWords, type Ended } from "../../../testing/program/program.ts";
import { MARK } from "../../../testing/program/reaper.ts";

const COLLECTION =
  new URL("../../../scripts/ansible", import.meta.url).pathname;
const HERE = new URL(".", import.meta.url).pathname;
const PLAYBOOK_TIMEOUT_MS = 120_000;

/** What a task came to on a host. */
export interface TaskResult {
  readonly end: "ok" | "failed";
  readonly host: string;
  readonly action: string;
  readonly result: Readonly<Record<string, unknown>>;
}

/** How a playbook ended. */
export interface Played extends Ended {
  readonly results: readonly TaskResult[];
}

/** Variables of each host. */
export type Hosts = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** A folder with an inventory; all hosts are this one. */
export class ControlNode {
  readonly #folder: string;
  readonly #environment: Readonly<Record<string, string>>;

  /**
   * @param folder of a lab, which removes it and ends what was started
   * @param hosts the hosts of the group "hypervisors"
   */
  constructor(folder: string, hosts: Hosts) {
    this.#folder = folder;
    const collections = "ansible_collections/cprctl";
    for (const name of ["bin", "run", "packages", collections]) {
      Deno.mkdirSync(`${folder}/${name}`, { recursive: true });
    }
    Deno.symlinkSync(COLLECTION, `${folder}/${collections}/qemu`);
    const words = cprctlWords().map((word) => `'${word}'`).join(" ");
    Deno.writeTextFileSync(
      `${folder}/bin/cprctl`,
      `#!/bin/sh\nexec ${words} "$@"\n`,
      { mode: 0o755 },
    );
    Deno.writeTextFileSync(this.#inventory, inventoryOf(hosts));
    this.#environment = {
      [MARK]: folder,
      PATH: `${folder}/bin:${Deno.env.get("PATH")}`,
      RUNTIME_DIRECTORY: `${folder}/run`,
      ANSIBLE_COLLECTIONS_PATH: folder,
      ANSIBLE_LOCAL_TEMP: `${folder}/tmp`,
      ANSIBLE_REMOTE_TEMP: `${folder}/tmp`,
      ANSIBLE_CALLBACK_PLUGINS: HERE,
      ANSIBLE_LIBRARY: `${HERE}library`,
      ANSIBLE_CALLBACKS_ENABLED: "results",
      ANSIBLE_RETRY_FILES_ENABLED: "false",
      ANSIBLE_NOCOLOR: "1",
      LC_ALL: "C.UTF-8",
      CPRCTL_TEST_RESULTS: this.#results,
      CPRCTL_TEST_PACKAGES: this.#packages,
    };
  }

  /** Puts a version of a package where the hosts' package manager finds it. */
  publish(name: string, file: string, installedAt: string): void {
    Deno.writeTextFileSync(
      `${this.#packages}/${name}`,
      `${file}\n${installedAt}\n`,
    );
  }

  /** Starts a playbook: the collection's, or one by its path. */
  start(
    playbook: string,
    output: "null" | "piped",
    ...words: string[]
  ): Deno.ChildProcess {
    Deno.writeTextFileSync(this.#results, "");
    return new Deno.Command("ansible-playbook", {
      args: ["-i", this.#inventory, playbook, ...words],
      cwd: this.#folder,
      env: this.#environment,
      stdin: "null",
      stdout: output,
      stderr: output,
      signal: AbortSignal.timeout(PLAYBOOK_TIMEOUT_MS),
    }).spawn();
  }

  /** Runs a playbook to its end. */
  async play(playbook: string, ...words: string[]): Promise<Played> {
    const { code, stdout, stderr } = await this.start(
      playbook,
      "piped",
      ...words,
    )
      .output();
    const decoder = new TextDecoder();
    return {
      code,
      stdout: decoder.decode(stdout),
      stderr: decoder.decode(stderr),
      results: Deno.readTextFileSync(this.#results).split("\n")
        .filter((line) => line !== "")
        .map((line): TaskResult => JSON.parse(line)),
    };
  }

  /** Runs tasks, one JSON object each, on every host. */
  async tasks(...tasks: readonly object[]): Promise<Played> {
    const path = `${this.#folder}/tasks.json`;
    const play = { hosts: "all", gather_facts: false, tasks };
    Deno.writeTextFileSync(path, JSON.stringify([play]));
    return await this.play(path);
  }

  /** Runs cprctl where the hosts' cprctl has its files. */
  async cprctl(...words: string[]): Promise<Ended> {
    const { code, stdout, stderr } = await new Deno.Command(
      `${this.#folder}/bin/cprctl`,
      {
        args: words,
        env: this.#environment,
        stdin: "null",
        signal: AbortSignal.timeout(PLAYBOOK_TIMEOUT_MS),
      },
    ).output();
    const decoder = new TextDecoder();
    return {
      code,
      stdout: decoder.decode(stdout),
      stderr: decoder.decode(stderr),
    };
  }

  /** What unfinished updates left. */
  leftOver(): string[] {
    return [...Deno.readDirSync(`${this.#folder}/run`)]
      .filter(({ isDirectory }) => isDirectory)
      .map(({ name }) => name);
  }

  get #inventory(): string {
    return `${this.#folder}/hosts.json`;
  }

  get #packages(): string {
    return `${this.#folder}/packages`;
  }

  get #results(): string {
    return `${this.#folder}/results`;
  }
}

/** JSON is YAML as well. */
function inventoryOf(hosts: Hosts): string {
  const local = {
    ansible_connection: "local",
    ansible_python_interpreter: "/usr/bin/python3",
    cprctl_packages: [],
  };
  return JSON.stringify({
    hypervisors: { hosts, vars: local },
  });
}

/** The results of the collection's cpr_update, in order. */
export function updatesOf({ results }: Played): TaskResult[] {
  return results.filter(({ action }) => action === "cprctl.qemu.cpr_update");
}

/** Of each update: host, whether it changed, and what the VM does. */
export function ends(played: Played): unknown[][] {
  return updatesOf(played).map(({ host, end, result }) => [
    host,
    end,
    result["changed"],
    result["outcome"],
    result["vm_state"],
  ]);
}
