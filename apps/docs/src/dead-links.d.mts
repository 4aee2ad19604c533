export interface DeadLink {
  /** From the site's folder. */
  readonly page: string;
  readonly href: string;
  readonly reason: string;
}

export function deadLinks(folder: string): DeadLink[];
