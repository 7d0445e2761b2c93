import './register.ts'
