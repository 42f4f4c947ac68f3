// No `instances`: PM2 then keeps its default log names, lumiku-backend-out.log and -error.log.
// No DATABASE_URL: the app reads .env itself, and a value PM2 holds would win over it at every restart.
module.exports = {
  apps: [
    {
      name: 'lumiku-backend',
      script: 'dist/index.js',
      cwd: __dirname,
      env: { NODE_ENV: 'production' },
    },
  ],
}
