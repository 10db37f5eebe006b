import { redacted } from "../../cmdline/mod.ts";
import { clipped, mapTexts } from "../../inert.ts";

/** Of one text in a report; a list in a check's detail is longer than most. */
const LONGEST = 4096;
/** Of what is searched for secrets. */
const LONGEST_SEARCHED = 32 * 1024;

/**
 * A text as it may leave this program: without secrets, and of a length that a
 * person may read.
 */
export function sealedText(text: string): string {
  return clipped(redacted(clipped(text, LONGEST_SEARCHED)), LONGEST);
}

/** A document in which every text is {@linkcode sealedText}. */
export function sealed<Document>(document: Document): Document {
  return mapTexts(document, sealedText);
}
