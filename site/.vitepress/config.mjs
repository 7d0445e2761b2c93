import { withMermaid } from 'vitepress-plugin-mermaid'

const page = (text, name) => ({ text, link: `/${name}` })

export default withMermaid({
  title: 'zerodrop',
  description: 'Stop Node.js servers without losing requests, restart them without closing connections',
  cleanUrls: true,
  outDir: '../dist',
  // Examples such as http://localhost:3000 are not links.
  ignoreDeadLinks: [/^https?:\/\/localhost/],
  vite: { build: { chunkSizeWarningLimit: 4000 } },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: [
      {
        text: 'Start',
        items: [
          page('Overview', ''),
          page('Getting started', 'getting-started'),
          page('Any framework', 'frameworks'),
          page('systemd', 'systemd'),
          page('Containers', 'containers'),
          page('Other environments', 'environments'),
          page('CLI', 'cli'),
        ],
      },
      {
        text: 'Use',
        items: [
          page('Stopping', 'draining'),
          page('Restarting', 'restart'),
          page('Signals', 'signals'),
          page('Hooks', 'hooks'),
          page('WebSockets and event streams', 'live-streams'),
          page('Load balancers', 'load-balancers'),
          page('Health', 'health'),
          page('Metrics', 'metrics'),
          page('Events, logs and status', 'events'),
        ],
      },
      {
        text: 'Look up',
        items: [
          page('API', 'api'),
          page('Errors', 'errors'),
          page('Troubleshooting', 'troubleshooting'),
          page('FAQ', 'faq'),
          page('Limits', 'limits'),
          page('Security', 'security'),
          page('How it works', 'how-it-works'),
          page('Examples', 'examples'),
        ],
      },
      {
        text: 'Migrate',
        items: [
          page('From another library', 'migrating'),
          page('From endless, nginx and others', 'coming-from'),
        ],
      },
      {
        text: 'Measure',
        items: [
          page('Test any server', 'verify'),
          page('Scoreboard', 'scoreboard'),
          page('Benchmarks', 'benchmarks'),
          page('Soak test', 'soak'),
          page('Changelog', 'changelog'),
        ],
      },
    ],
  },
})
