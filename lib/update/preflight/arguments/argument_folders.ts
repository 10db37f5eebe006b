import {
  type CheckContext,
  ok,
  type PreflightCheck,
  refuse,
} from "../check.ts";
import { listed } from "../wording.ts";
import { folderOf, madeFiles } from "./made_files.ts";

/** Folders of logs, sockets and pid files, which are made anew, are there. */
export const argumentFolders: PreflightCheck = {
  id: "argument-folders",
  async run(context) {
    const missing: string[] = [];
    for (const folder of new Set(madeFiles(context.next).map(folderOf))) {
      if (await isMissing(folder, context)) missing.push(folder);
    }
    return missing.length === 0
      ? ok("folders that arguments name are there")
      : refuse(
        `Folders that arguments name are no longer there: ${listed(missing)}`,
        "Make them again: the new program makes files in them at its start",
      );
  },
};

/** A working directory may be there, and be deleted. */
async function isMissing(
  folder: string,
  { files }: CheckContext,
): Promise<boolean> {
  const info = await files.stat(folder);
  return info === undefined || info.nlink === 0;
}
