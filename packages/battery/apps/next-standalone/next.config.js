'use strict'

module.exports = { output: 'standalone' }
