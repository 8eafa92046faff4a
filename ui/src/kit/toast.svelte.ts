// Short confirmations that leave by themselves. An error is never shown here: it stays where it happened.
const SHOWN_MS = 6000;

type Toast = { id: number; text: string };

let next = 0;
export const toasts = $state<Toast[]>([]);

export function toast(text: string) {
  const id = next++;
  toasts.push({ id, text });
  setTimeout(() => dismiss(id), SHOWN_MS);
}

export function dismiss(id: number) {
  const index = toasts.findIndex((item) => item.id === id);
  if (index >= 0) toasts.splice(index, 1);
}
