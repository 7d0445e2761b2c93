import { index, route } from '@react-router/dev/routes'

export default [index('routes/home.js'), route('slow', 'routes/slow.js')]
