// Runs before the first paint: picks the theme, so that the page never flashes in the wrong one, and leaves the browser's
// time zone in a cookie, so that the first page already tells local times.
(() => {
  const key = 'wheelhouse-theme';
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const read = () => {
    try { return localStorage.getItem(key) ?? 'auto'; } catch { return 'auto'; }
  };
  const apply = () => {
    const chosen = read();
    const theme = chosen === 'auto' ? (dark.matches ? 'dark' : 'light') : chosen;
    document.documentElement.dataset.theme = theme;
    for (const link of document.querySelectorAll('link[data-theme-of]')) {
      link.media = link.dataset.themeOf === theme ? 'all' : 'not all';
    }
    for (const frame of document.querySelectorAll('iframe[data-themed]')) {
      try { frame.contentDocument.documentElement.dataset.theme = theme; } catch { /* not loaded yet */ }
    }
  };
  dark.addEventListener('change', apply);
  addEventListener('storage', event => { if (event.key === key) apply(); });
  apply();
  window.wheelhouseTheme = {
    get: read,
    set: theme => {
      try { localStorage.setItem(key, theme); } catch { /* private mode: it holds for this page only */ }
      apply();
      return theme;
    },
    apply,
  };
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
  window.wheelhouseZone = `${zone}~${-new Date().getTimezoneOffset()}`;
  document.cookie = `wheelhouse-zone=${encodeURIComponent(window.wheelhouseZone)};path=/;max-age=31536000;samesite=strict`;
})();
