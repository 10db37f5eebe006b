import { redacted } from "../../cmdline/redact.ts";
import { clipped, mapTexts } from "../../inert.ts";

/** For one text in a report; enough for the lists in a check's detail. */
const LONGEST = 4096;
/** Limits the search for secrets. */
const LONGEST_SEARCHED = 32 * 1024;

/** A text for output: without secrets, and cut if it is too long. */
export function sealedText(text: string): string {
  return clipped(redacted(clipped(text, LONGEST_SEARCHED)), LONGEST);
}

/** A document in which every text is {@linkcode sealedText}. */
export function sealed<Document>(document: Document): Document {
  return mapTexts(document, sealedText);
}
