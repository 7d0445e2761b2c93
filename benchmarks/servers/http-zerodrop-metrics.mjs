import http from 'node:http'
import { lifecycle } from '@zerodrop/core'
import { application, listen } from './control.mjs'
import { scrapeEverySecond } from './scraped.mjs'

lifecycle.configure()
scrapeEverySecond()
listen(http.createServer(application))
