/** Prints the progress and the result of several VMs. */

import type { AllWatcher, Candidate } from "../../update/all/all.ts";
import { type AllReport, exitCodeOfAll } from "../../update/all/all_report.ts";
import type { PhaseName } from "../../update/phase.ts";
import { writePage } from "../files/side.ts";
import type { CliProcess, Output } from "../process.ts";
import {
  doneText,
  leftOutText,
  sumText,
  underWayText,
} from "../terminal/all.ts";
import { StatusLine } from "../terminal/status_line.ts";
import { jsonText } from "../../inert.ts";
import type { Presentation } from "./report.ts";

/**
 * Prints a line for each VM when it is done, and a summary at the end. With
 * `json`, standard output gets one JSON document at the end, and the lines go
 * to standard error.
 */
export async function presentAll(
  process: CliProcess,
  { json, report: file, view }: Presentation,
  work: (watcher: AllWatcher) => Promise<AllReport>,
): Promise<AllReport> {
  const { stdout, stderr } = process;
  const out = json ? stderr.isTerminal ? stderr : undefined : stdout;
  const lines = new Lines(process, out);
  let report: AllReport;
  try {
    report = await work(lines.watcher);
  } finally {
    lines.end();
  }
  if (json) stdout.write(jsonText(report));
  out?.write(sumText(report));
  process.exitCode = exitCodeOfAll(report, view);
  if (file !== undefined) await writePage(process, file, report, view);
  return report;
}

/** The lines of progress. */
class Lines {
  readonly #status: StatusLine;
  readonly #underWay = new Map<number, readonly [string, PhaseName]>();
  #done = 0;

  constructor(
    private readonly process: CliProcess,
    private readonly out: Output | undefined,
  ) {
    this.#status = new StatusLine(process);
  }

  readonly watcher: AllWatcher = {
    phase: (vm, phase) => {
      this.#underWay.set(vm.pid, [nameOf(vm), phase]);
      this.#show();
    },
    done: (report) => {
      if (report.pid_before !== null) this.#underWay.delete(report.pid_before);
      this.#done++;
      this.#print(doneText(report, this.process.look));
    },
    leftOut: (vm) => this.#print(leftOutText(vm, this.process.look)),
  };

  end(): void {
    this.#status.clear();
  }

  #print(text: string): void {
    this.#status.clear();
    this.out?.write(text);
    this.#show();
  }

  #show(): void {
    if (this.#underWay.size === 0) this.#status.clear();
    else this.#status.show(underWayText(this.#done, this.#underWay.values()));
  }
}

function nameOf({ name, qmp }: Candidate): string {
  return name ?? qmp ?? "";
}
