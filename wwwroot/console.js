// What only the browser can do for the console: shortcuts, focus, dialogs, the clipboard, and coming back after a lost connection.
(() => {
  let shell = null;
  const openers = new Map();

  const isTyping = element => element?.closest?.('input, textarea, select, [contenteditable="true"]') !== null;
  const isControl = element => element?.closest?.('button, a[href], summary, [role="button"], [role="option"], [role="tab"]') !== null;
  const hasDialog = () => document.querySelector('dialog[open]') !== null;
  const call = name => shell?.invokeMethodAsync(name).catch(() => { /* the circuit is gone; the banner says so */ });

  // ---- shortcuts

  let goUntil = 0;
  document.addEventListener('keydown', event => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      if (!hasDialog()) call('OpenPalette');
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || hasDialog()) return;
    if (moveInTable(event)) return;
    if (isTyping(event.target)) return;
    if (event.key === '/') {
      event.preventDefault();
      call('OpenPalette');
    } else if (event.key === '?') {
      call('OpenShortcuts');
    } else if (event.key === ' ' && !isControl(event.target)) {
      event.preventDefault();
      call('TogglePause');
    } else if (event.key === 'g') {
      goUntil = performance.now() + 1200;
    } else if (performance.now() < goUntil) {
      goUntil = 0;
      document.querySelector(`nav [data-go="${CSS.escape(event.key)}"]`)?.click();
    }
  });

  // Arrow keys walk from row to row on the rows' main controls; the table itself stays plain markup.
  function moveInTable(event) {
    const here = event.target.closest?.('[data-row]');
    const body = here?.closest('[data-rows]');
    if (!body || !['ArrowDown', 'ArrowUp', 'Home', 'End'].includes(event.key)) return false;
    if (isTyping(event.target)) return false;
    const rows = [...body.querySelectorAll('[data-row]')];
    const at = rows.indexOf(here);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to < 0 || to >= rows.length) return false;
    event.preventDefault();
    (rows[to].matches('a, button') ? rows[to] : rows[to].querySelector('a, button'))?.focus();
    return true;
  }

  // In a box with a list the arrows choose from the list; they do not move the caret.
  document.addEventListener('keydown', event => {
    if (event.target.matches?.('[role="combobox"]') && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) event.preventDefault();
  });

  // A table's first control is reached from the filter above it with the arrow down.
  document.addEventListener('keydown', event => {
    if (event.key !== 'ArrowDown' || !event.target.matches?.('input[data-filter]')) return;
    const first = document.querySelector('[data-rows] [data-row] a, [data-rows] [data-row] button');
    if (first) {
      event.preventDefault();
      first.focus();
    }
  });

  document.addEventListener('click', event => {
    const skip = event.target.closest?.('.skip-link');
    if (skip) {
      event.preventDefault();
      document.getElementById('main')?.focus();
    }
  });

  document.addEventListener('visibilitychange', () =>
    shell?.invokeMethodAsync('SetVisible', document.visibilityState === 'visible').catch(() => { /* gone */ }));

  // ---- charts: a cross hair with the figures of the point under the pointer

  document.addEventListener('pointermove', event => {
    const chart = event.target.closest?.('[data-chart]');
    for (const other of document.querySelectorAll('[data-chart].is-read')) {
      if (other !== chart) other.classList.remove('is-read');
    }
    if (!chart) return;
    const labels = chart.dataset.labels?.split('|') ?? [];
    if (labels.length < 2) return;
    const box = chart.querySelector('svg').getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const at = Math.round(share * (labels.length - 1));
    const x = at / (labels.length - 1);
    chart.classList.add('is-read');
    chart.style.setProperty('--read-x', `${x * 100}%`);
    chart.style.setProperty('--read-shift', x > 0.5 ? '-100%' : '0');
    chart.querySelector('[data-readout]').textContent = labels[at];
  }, { passive: true });

  // ---- lost connections

  const banner = () => document.getElementById('connection');
  const wait = ms => new Promise(done => setTimeout(done, ms));
  async function reconnect() {
    banner().hidden = false;
    for (let attempt = 0; ; attempt++) {
      await wait(Math.min(3000, 250 * 2 ** attempt));
      try {
        if (await Blazor.reconnect()) {
          banner().hidden = true;
          return;
        }
      } catch {
        continue; // the host is not there yet
      }
      location.reload(); // the host is back but has forgotten this page: it starts over where it stood
      return;
    }
  }

  window.wheelhouse = {
    start: reference => {
      shell = reference;
      return window.wheelhouseZone;
    },
    copy: async text => {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch {
        const area = document.createElement('textarea');
        area.value = text;
        area.style.position = 'fixed';
        area.style.opacity = '0';
        (document.querySelector('dialog[open]') ?? document.body).append(area);
        area.select();
        const done = document.execCommand('copy');
        area.remove();
        return done;
      }
    },
    download: async (name, type, content) => {
      const url = URL.createObjectURL(new Blob([await content.arrayBuffer()], { type }));
      const link = document.createElement('a');
      link.href = url;
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    },
    openDialog: id => {
      const dialog = document.getElementById(id);
      if (!dialog || dialog.open) return;
      openers.set(id, document.activeElement);
      dialog.addEventListener('cancel', event => {
        event.preventDefault();
        dialog.querySelector('[data-close]')?.click();
      });
      dialog.addEventListener('pointerdown', event => {
        if (event.target === dialog && dialog.hasAttribute('data-light')) dialog.querySelector('[data-close]')?.click();
      });
      dialog.showModal();
      dialog.querySelector('[data-autofocus]')?.focus();
    },
    closeDialog: id => {
      document.getElementById(id)?.close();
      const opener = openers.get(id);
      openers.delete(id);
      if (opener?.isConnected) opener.focus();
    },
    reveal: id => document.getElementById(id)?.scrollIntoView({ block: 'nearest' }),
    focus: selector => document.querySelector(selector)?.focus(),
    theme: () => window.wheelhouseTheme.get(),
    setTheme: theme => { window.wheelhouseTheme.set(theme); },
  };

  Blazor.start({
    circuit: {
      reconnectionHandler: {
        onConnectionDown: () => { reconnect(); },
        onConnectionUp: () => { banner().hidden = true; },
      },
    },
  });
})();
